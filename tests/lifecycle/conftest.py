"""A kind to run operations on: hosts, with verbs and a scripted handler that exist in tests only."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta

import pytest
from django.utils import timezone

from apps.api import vocabulary
from apps.infrastructure.models import ComputeCluster, Host, Region
from apps.lifecycle.actor import SYSTEM
from apps.lifecycle.handlers import Settle, handles
from apps.lifecycle.legality import holding
from apps.lifecycle.models import Operation, State
from apps.lifecycle.operation_context import OperationContext
from apps.lifecycle.requests import Change
from apps.lifecycle.verbs import ANY_STATE, Cancel, Verb, all_verbs, declare

POLISH = declare(Verb("host.polish", label="Polish", doing="Polishing", deadline=timedelta(minutes=1)))
SCRAP = declare(
    Verb("host.scrap", label="Scrap", doing="Scrapping", states=ANY_STATE, supersedes=True, destructive=True)
)
TIDY = declare(Verb("host.tidy", label="Tidy", doing="Tidying", cancel=Cancel.BEFORE))
GLANCE = declare(Verb("host.glance", label="Glance", doing="Glancing", exclusive=False))
PRETEND = {POLISH.name, SCRAP.name, TIDY.name, GLANCE.name}
# They are in the table of verbs for the whole test process, but not words of the product's API document.
vocabulary.all_verbs = lambda: [verb for verb in all_verbs() if verb.name not in PRETEND]


@dataclass
class Script:
    """What the handlers do in this test, and what they were called with."""

    does: Callable[[OperationContext], Settle | None] = lambda run: None
    runs: list[OperationContext] = field(default_factory=list)


_script = Script()


def _scripted(run: OperationContext) -> Settle | None:
    _script.runs.append(run)
    return _script.does(run)


for _verb in (POLISH, SCRAP, TIDY, GLANCE):
    handles(_verb)(_scripted)


@pytest.fixture
def script() -> Iterator[Script]:
    _script.does, _script.runs = (lambda run: None), []
    yield _script


def make_host(name: str = "h1") -> Host:
    region, _ = Region.objects.get_or_create(name="r1", defaults={"label": "R1", "fabric_driver": "memory"})
    cluster, _ = ComputeCluster.objects.get_or_create(region=region, name="c1")
    return Host.objects.create(
        kind="host",
        name=name,
        region=region,
        cluster=cluster,
        driver="memory",
        state=State.READY,
        last_report_at=timezone.now(),
    )


@pytest.fixture
def host(db: None) -> Host:
    return make_host()


def ask(verb: Verb, host: Host, also: tuple[Host, ...] = ()) -> Operation:
    """Request without ringing for a real worker: the tests claim by themselves."""
    return Change(SYSTEM, verb, host, holding([host])).request(also=also)
