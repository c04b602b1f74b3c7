"""An operation's step log as shown: when each step began, how long it took, in which attempt."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.utils import timezone

from apps.lifecycle.models import Operation
from apps.lifecycle.stored_messages import rendered_message


@dataclass(frozen=True)
class Step:
    """took: None while it is under way. attempt: 0 where the log does not say."""

    at: datetime
    text: str
    failed: bool
    took: timedelta | None
    attempt: int


def steps_of(operation: Operation) -> list[Step]:
    """Return the steps in order; each lasts until the next one begins, the last until the operation settled."""
    started = [_time(step["at"]) for step in operation.steps]
    ends = [*started[1:], operation.finished_at]
    return [
        Step(
            at,
            rendered_message(step),
            bool(step.get("failed")),
            end - at if end else None,
            step.get("attempt", 0),
        )
        for step, at, end in zip(operation.steps, started, ends, strict=False)
    ]


def _time(text: str) -> datetime:
    at = datetime.fromisoformat(text)
    return at if timezone.is_aware(at) else timezone.make_aware(at)
