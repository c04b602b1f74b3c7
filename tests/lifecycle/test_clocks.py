"""Web and workers whose clocks are wrong: PostgreSQL's alone counts."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from django.utils import timezone

from apps.infrastructure.models import Host
from apps.lifecycle.engine import claim, execute
from apps.lifecycle.models import Operation, OperationStatus
from apps.lifecycle.sweep import sweep
from tests.lifecycle.conftest import POLISH, Script, ask

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("OP-1")]


@pytest.fixture(params=[10, -10], ids=["ahead", "behind"])
def wrong_by(request: pytest.FixtureRequest) -> timedelta:
    return timedelta(minutes=request.param)


def step_clock(monkeypatch: pytest.MonkeyPatch, by: timedelta) -> None:
    """Let this process's clock be wrong from now on."""
    right = timezone.now
    monkeypatch.setattr(timezone, "now", lambda: right() + by)


def test_what_web_accepts_by_a_wrong_clock_is_due_at_once_and_has_all_its_time(
    host: Host, script: Script, monkeypatch: pytest.MonkeyPatch, wrong_by: timedelta
) -> None:
    with monkeypatch.context() as patch:
        step_clock(patch, wrong_by)
        operation = ask(POLISH, host)
    assert abs(operation.created_at - timezone.now()) < timedelta(minutes=1)
    assert operation.deadline - operation.created_at == POLISH.deadline
    execute(operation.pk)
    operation.refresh_from_db()
    assert operation.status == OperationStatus.DONE


def test_a_worker_with_a_wrong_clock_neither_gives_up_nor_lets_go(
    host: Host, script: Script, monkeypatch: pytest.MonkeyPatch, wrong_by: timedelta
) -> None:
    leases: list[datetime | None] = []

    def works(run: object) -> None:
        leases.append(Operation.objects.get(pk=operation.pk).lease_until)

    script.does = works
    operation = ask(POLISH, host)
    step_clock(monkeypatch, wrong_by)
    execute(operation.pk)
    operation.refresh_from_db()
    assert operation.status == OperationStatus.DONE
    assert operation.started_at is not None and operation.finished_at is not None
    assert operation.created_at <= operation.started_at <= operation.finished_at
    (lease,) = leases
    assert lease is not None and abs(lease - operation.started_at) < timedelta(minutes=1)


def test_a_clock_stepped_while_a_handler_works_does_not_make_it_late(
    host: Host, script: Script, monkeypatch: pytest.MonkeyPatch, wrong_by: timedelta
) -> None:
    def steps(run: object) -> None:
        step_clock(monkeypatch, wrong_by)
        script.runs[-1].step("Polishing")

    script.does = steps
    operation = ask(POLISH, host)
    execute(operation.pk)
    operation.refresh_from_db()
    assert operation.status == OperationStatus.DONE


def test_a_sweeper_with_a_wrong_clock_takes_nothing_away(
    host: Host, monkeypatch: pytest.MonkeyPatch, wrong_by: timedelta
) -> None:
    operation = ask(POLISH, host)
    claimed = claim(operation.pk)
    step_clock(monkeypatch, wrong_by)
    assert sweep() == 0
    assert claim(operation.pk) is None, "its worker still has it"
    operation.refresh_from_db()
    assert claimed is not None
    assert (operation.status, operation.attempt) == (OperationStatus.RUNNING, claimed.attempt)
