"""The steps of an answer, and the slot in which apps put theirs."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _

from apps.lifecycle.models import Resource
from apps.lifecycle.slots import Slot

if TYPE_CHECKING:
    from apps.network.models import SecurityGroupRule
    from apps.network.reachability.path import Path


class Result(TextChoices):
    """What a step, and the whole path, comes to."""

    OK = "ok", _("OK")
    BLOCKED = "blocked", _("Blocked")
    UNKNOWN = "unknown", _("Unknown")


class End(TextChoices):
    """Which end of the path a step is about."""

    FROM = "from", _("Sender")
    TO = "to", _("Receiver")


@dataclass(frozen=True)
class Step:
    """One thing that a packet needs.

    code: stable, for programs. text: the fact, or the cause. hint: what to do; "" when it is ok. resource: where to do
    it. end: "" for what is between the ends. rule: the rule that decides.
    """

    code: str
    result: Result
    title: str
    text: str
    hint: str = ""
    resource: Resource | None = None
    end: str = ""
    rule: SecurityGroupRule | None = None


@dataclass(frozen=True)
class StepSlot:
    """Steps of a path. place: where they stand on the way from one end to the other, which is 0 to 100."""

    place: int
    steps: Callable[[Path], Iterable[Step]]


STEPS: Slot[StepSlot] = Slot()


def result_of(steps: Iterable[Step]) -> Result:
    """Return what all steps come to: blocked by any, unknown by any, else ok."""
    results = {step.result for step in steps}
    for result in (Result.BLOCKED, Result.UNKNOWN):
        if result in results:
            return result
    return Result.OK
