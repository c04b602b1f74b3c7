"""What a handler holds while it works: the operation, its fence, its step log, and whether it still owns the lease."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db import connection
from django.utils import timezone
from django.utils.translation import gettext_noop as _

from apps.drivers.errors import DriverError
from apps.lifecycle.models import Operation
from apps.lifecycle.told import Kept, keep


class Lost(Exception):
    """The operation was taken away: lease lost, superseded or cancelled. The handler must stop at once."""


def dated(kept: Kept) -> Kept:
    """Return what is kept of a step, with the present time."""
    return {"at": timezone.now().isoformat(timespec="milliseconds"), **kept}


class Run:
    """One attempt at one operation."""

    def __init__(self, operation: Operation) -> None:
        self.operation = operation
        self.steps: list[dict[str, Any]] = list(operation.steps)
        self.progress = operation.progress
        self.dirty = False
        self.lost = threading.Event()

    @property
    def target_id(self) -> UUID:
        """Id of the resource acted on."""
        return self.operation.target_id

    @property
    def fence(self) -> int:
        """Grows with every request and attempt; a host refuses orders with a lower one than it has seen."""
        return self.operation.sequence * 1000 + self.operation.attempt

    def step(self, template: str, percent: int | None = None, **values: object) -> None:
        """Log a step and its progress in percent. Raises Lost when the operation is no longer ours.

        `template` is marked with `_` and may have the values' names in it ("Starting on %(host)s").
        """
        self.check()
        self.steps.append(dated({**keep(template, values), "attempt": self.operation.attempt}))
        if percent is not None:
            self.progress = percent
        self.dirty = True

    def check(self) -> None:
        """Raise Lost when the operation was taken away, DriverError when its deadline has passed."""
        if self.lost.is_set():
            raise Lost
        if timezone.now() > self.operation.deadline:
            raise DriverError(
                _("It did not finish in time."),
                code="operation.deadline",
                permanent=True,
                hint=_("See the last step for what it waited for, then try again."),
            )

    def wait_until(
        self,
        reached: Callable[[], bool],
        *,
        within: timedelta,
        error: DriverError,
        every: float = 0.5,
    ) -> None:
        """Call `reached` every `every` seconds until it is true; `error` after `within`."""
        end = time.monotonic() + within.total_seconds()
        while not reached():
            self.check()
            if time.monotonic() > end:
                raise error
            if not connection.in_atomic_block:
                connection.close()  # back to the pool: a waiting handler needs none
            self.lost.wait(every)
