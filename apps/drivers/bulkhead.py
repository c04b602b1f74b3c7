"""Bulkhead and circuit breaker for one thing that is asked over a network (M. Nygard, "Release It!", chapter 5).

Without them whoever hangs holds every thread that asks it, and nobody is left to ask those that answer.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from apps.drivers.errors import DriverError

MOST_WAITING = 8
"""Half of a control worker's threads, and as many orders as an agent carries out at once."""
PATIENCE_SECONDS = 1.0
"""How long to wait for a place: what answers at all has one free by then."""


class Bulkhead:
    """At most `most` callers wait for an answer at once.

    After one has waited without success only one at a time does, until an answer comes.
    """

    def __init__(self, most: int = MOST_WAITING, patience: float = PATIENCE_SECONDS) -> None:
        self._most = most
        self._patience = patience
        self._places = threading.Condition()
        self._taken = 0
        self._unresponsive = False
        self._answered_at = 0.0

    @contextmanager
    def place(self, full: Callable[[], DriverError]) -> Iterator[None]:
        """Hold a place for the length of the block; raise `full()` when there is none."""
        if not self._enter():
            raise full()
        try:
            yield
        finally:
            with self._places:
                self._taken -= 1
                self._places.notify()

    def record_answer(self) -> None:
        """Note that an answer came, whatever it said."""
        with self._places:
            self._answered_at = time.monotonic()
            self._unresponsive = False

    def record_timeout(self, since: float) -> None:
        """Note that one who has waited from `since` (monotonic seconds) got no answer.

        Where others got theirs meanwhile, only that one is lost.
        """
        with self._places:
            self._unresponsive = self._unresponsive or self._answered_at < since

    def _enter(self) -> bool:
        with self._places:
            if self._unresponsive:
                free = self._taken == 0
            else:
                free = self._places.wait_for(lambda: self._taken < self._most, self._patience)
            self._taken += free
            return free
