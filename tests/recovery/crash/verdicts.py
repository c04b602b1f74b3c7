"""What became of each broken operation, judged by its row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from apps.lifecycle.models import Operation, OperationStatus
from tests.recovery.crash.points import Broken, Point


class Outcome(StrEnum):
    """`NEVER`: the request died before its commit, so there was nothing to settle."""

    SETTLED = "settled by itself"
    OFFERED = "offered for repair"
    NEVER = "never accepted"
    STUCK = "stuck"
    UNCLEAR = "failed without saying why or what next"


@dataclass(frozen=True)
class Verdict:
    """What became of one point, and how many seconds after the processes were back it had settled."""

    point: Point
    outcome: Outcome
    seconds: float
    targets: frozenset[str]


def judge(broken: Sequence[Broken], back: datetime) -> list[Verdict]:
    """Judge every point; `back` is when the platform's processes were back."""
    wanted = {one.then_operation or one.operation for one in broken} - {""}
    rows = {str(row.pk): row for row in Operation.objects.filter(pk__in=wanted)}
    return [_judge(one, rows, back) for one in broken]


def _judge(one: Broken, rows: dict[str, Operation], back: datetime) -> Verdict:
    row = rows.get(one.then_operation or one.operation)
    targets = frozenset({one.target} - {""})
    if row is None:
        return Verdict(one.point, Outcome.NEVER, 0.0, targets)
    if row.finished_at is None:
        return Verdict(one.point, Outcome.STUCK, float("inf"), targets)
    seconds = max(0.0, (row.finished_at - back).total_seconds())
    return Verdict(one.point, _outcome(row), seconds, targets)


def _outcome(row: Operation) -> Outcome:
    if row.status == OperationStatus.DONE:
        return Outcome.SETTLED
    clear = all(row.error.get(part) for part in ("message", "code", "hint"))
    return Outcome.OFFERED if row.status == OperationStatus.FAILED and clear else Outcome.UNCLEAR
