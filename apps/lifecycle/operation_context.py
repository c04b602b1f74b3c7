"""What a handler holds while it works: the operation, its fence, its step log, and whether it still owns the lease."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import Case, Value, When
from django.db.models.expressions import Combinable
from django.utils import timezone
from django.utils.translation import gettext_noop as _

from apps.drivers.errors import DriverError
from apps.lifecycle.models import Operation, OperationStatus
from apps.lifecycle.models.operation import LEASE, OperationQuerySet, Stopping
from apps.lifecycle.stored_messages import StoredMessage, stored_message

#: From a renewal on, a lease is relied upon for so long: a little less than the database grants.
HELD_SECONDS = LEASE.total_seconds() - 2


def lease_clock() -> float:
    """Return seconds that also pass while this process, or the machine, is stopped."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


#: So many handlers of a process wait in their threads; more would leave too few for everybody else's operations.
MOST_WAITING = 4
#: How soon others are looked at again.
LATER = timedelta(seconds=2)
#: Where a step keeps how many seconds it has been waited for in attempts before.
WAITED = "waited"
waiting_places = threading.BoundedSemaphore(MOST_WAITING)


class RetryLater(Exception):
    """What it waits for takes long: the operation is handed back, and run again from its top in a moment."""


class LeaseLost(Exception):
    """The operation was taken away: lease lost, superseded or cancelled. The handler must stop at once."""


class CancelRequested(Exception):
    """Somebody cancelled the operation, and this is a step at which it can stop, or its end."""


def overdue(operation: Operation, steps: Sequence[dict[str, Any]], otherwise: DriverError) -> DriverError:
    """Return why an operation past its deadline fails: what its last attempt failed by, if nothing came after that."""
    kept = operation.error
    if kept.get("message") and steps and steps[-1].get("failed"):
        return DriverError(
            kept.get("template") or kept["message"],
            values=kept.get("values"),
            code=kept.get("code", "operation.deadline"),
            permanent=True,
            hint=kept.get("hint", ""),
        )
    return otherwise


def dated(kept: StoredMessage) -> StoredMessage:
    """Return what is kept of a step, with the present time."""
    return {"at": timezone.now().isoformat(timespec="milliseconds"), **kept}


class OperationContext:
    """One attempt at one operation."""

    def __init__(self, operation: Operation) -> None:
        self.operation = operation
        self.steps: list[dict[str, Any]] = list(operation.steps)
        self.progress = operation.progress
        self.dirty = False
        self.lost = threading.Event()
        self.stopping = threading.Event()
        self._held_until = lease_clock() + HELD_SECONDS
        if operation.stopping == Stopping.ASKED:
            self.stopping.set()
        # Claimed a lease's length before the lease ends, by the same clock that the deadline was set by.
        claimed_at = operation.lease_until - LEASE if operation.lease_until else operation.created_at
        self._ends = time.monotonic() + (operation.deadline - claimed_at).total_seconds()

    @property
    def target_id(self) -> UUID:
        """Id of the resource acted on."""
        return self.operation.target_id

    @property
    def late(self) -> bool:
        """Whether the deadline has passed."""
        return time.monotonic() >= self._ends

    def guard(self) -> None:
        """Raise LeaseLost when the lease may have run out: a process that stood still must not act on old orders.

        For what has no fence of its own, such as the network; hosts refuse old orders by `fence`.
        """
        if self.lost.is_set() or lease_clock() > self._held_until:
            raise LeaseLost

    def renewed(self, asked_at: float) -> None:
        """Note that the lease was renewed by a statement started at `asked_at`, by `lease_clock`."""
        self._held_until = asked_at + HELD_SECONDS

    def step(self, template: str, percent: int | None = None, **values: object) -> None:
        """Log a step and its progress in percent. Raises LeaseLost when the operation is no longer ours.

        `template` is marked with `_` and may have the values' names in it ("Starting on %(host)s").
        """
        self.check()
        kept = stored_message(template, values)
        if not self._goes_on_waiting(kept):
            self.steps.append(dated({**kept, "attempt": self.operation.attempt}))
        if percent is not None:
            self.progress = percent
        self.dirty = True

    def restep(self, template: str, percent: int | None = None, **values: object) -> None:
        """Write the present step anew: what it says of how far it is has changed. Raises as `step` does."""
        self.check()
        if self.steps:
            kept = {**stored_message(template, values), "attempt": self.operation.attempt}
            self.steps[-1] = {"at": self.steps[-1]["at"], **kept}
            self.dirty = True
        if percent is not None:
            self.progressed(percent)

    def progressed(self, percent: int) -> None:
        """Show how far the present step is, in percent of the whole operation."""
        self.dirty = self.dirty or percent != self.progress
        self.progress = percent

    def check(self) -> None:
        """Raise LeaseLost when it was taken away, CancelRequested when cancelled, DriverError past its deadline."""
        if self.lost.is_set():
            raise LeaseLost
        if self.stopping.is_set():
            raise CancelRequested
        if self.late:
            late = DriverError(
                _("The task timed out."),
                code="operation.deadline",
                permanent=True,
                hint=_("See the last step for the cause, then retry."),
            )
            raise overdue(self.operation, self.steps, late)

    def no_way_back(self) -> None:
        """Say that what comes next cannot be taken back: from here on nobody can cancel it. Raises what `check` raises.

        A later attempt calls it again, and passes.
        """
        self._pass(Value(Stopping.TOO_LATE.value))

    def no_stop_now(self) -> None:
        """Say that what comes next completes it: nobody can cancel it while this attempt runs. Raises as `check` does.

        Should the attempt fail, the operation can be cancelled before the next one.
        """
        too_late = When(stopping=Stopping.TOO_LATE, then=Value(Stopping.TOO_LATE.value))
        self._pass(Case(too_late, default=Value(Stopping.NOT_NOW.value)))

    def _pass(self, stopping: Combinable) -> None:
        self.check()
        self.write(stopping=stopping)

    def write(self, **columns: Any) -> None:
        """Change the operation's row. Raises LeaseLost when it is not ours any more, CancelRequested when cancelled."""
        mine = self._mine()
        if not mine.exclude(stopping=Stopping.ASKED).update(**columns):
            raise CancelRequested if mine.exists() else LeaseLost

    def write_cancelled(self, **columns: Any) -> None:
        """Change the operation's row, if this attempt still has it. Raises LeaseLost."""
        if not self._mine().update(**columns):
            raise LeaseLost

    def extend(self, deadline: datetime) -> None:
        """Move the deadline, now that it is known how much there is to do; never to an earlier time."""
        if deadline > self.operation.deadline and self._mine().update(deadline=deadline):
            self._ends += (deadline - self.operation.deadline).total_seconds()
            self.operation.deadline = deadline

    def _mine(self) -> OperationQuerySet:
        """Return the operation's row, if this attempt still has it."""
        return Operation.objects.filter(
            pk=self.operation.pk, status=OperationStatus.RUNNING, attempt=self.operation.attempt
        )

    def wait_until(
        self,
        reached: Callable[[], bool],
        *,
        within: timedelta,
        error: DriverError,
        every: float = 0.5,
    ) -> None:
        """Call `reached` every `every` seconds until it is true; `error` after `within`.

        Raises RetryLater when enough handlers wait in their threads already.
        """
        if reached():
            return
        waited = timedelta(seconds=self.steps[-1].get(WAITED, 0)) if self.steps else timedelta()
        if waited > within:
            raise error
        placed = waiting_places.acquire(blocking=False)
        if not placed and self.steps:
            self._come_back(waited)
        try:
            self._wait(reached, time.monotonic() + (within - waited).total_seconds(), error, every)
        finally:
            if placed:
                waiting_places.release()

    def _wait(self, reached: Callable[[], bool], end: float, error: DriverError, every: float) -> None:
        while True:
            self.check()
            if time.monotonic() > end:
                raise error
            if not connection.in_atomic_block:
                connection.close()  # back to the pool: a waiting handler needs none
            self.lost.wait(every)
            if reached():
                return

    def _come_back(self, waited: timedelta) -> None:
        """Note how long it has waited with the step that says for what, so that the next attempt goes on from there."""
        self.check()
        self.steps[-1][WAITED] = (waited + LATER).total_seconds()
        raise RetryLater

    def _goes_on_waiting(self, kept: StoredMessage) -> bool:
        last = self.steps[-1] if self.steps else {}
        return WAITED in last and last["text"] == kept["text"]
