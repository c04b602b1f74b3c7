"""Copying what clones still read from their snapshots, in threads of the worker that nobody waits for."""

import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass

from apps.drivers.errors import DriverError

WORKERS = 2
Report = Callable[[int, int], int]


@dataclass
class Copy:
    """One copy: `done` of `total` objects; `error` when it failed, `ended` in any case."""

    done: int = 0
    total: int = 0
    ended: bool = False
    error: DriverError | None = None

    def report(self, done: int, total: int) -> int:
        """Note how far it is; librbd calls this, and goes on if the answer is 0."""
        self.done, self.total = done, total
        return 0


class Flattening:
    """At most `workers` at a time; a worker that is stopped forgets them, and the next request begins again.

    The threads are daemons: a process that is to end does not wait for a copy of terabytes.
    """

    def __init__(self, workers: int = WORKERS) -> None:
        self._workers = workers
        self._lock = threading.Lock()
        self._copies: dict[str, Copy] = {}
        self._queue: queue.SimpleQueue[tuple[Copy, Callable[[Report], None]]] = queue.SimpleQueue()
        self._threads = 0

    def join(self, name: str, work: Callable[[Report], None]) -> Copy:
        """Start the copy unless it runs, and return how far it is. One that failed is forgotten: raises its error."""
        with self._lock:
            copy = self._copies.get(name)
            if copy is None:
                copy = self._copies[name] = Copy()
                self._queue.put((copy, work))
                self._start_thread()
            if copy.ended:
                del self._copies[name]
        if copy.error is not None:
            raise copy.error
        return copy

    def forget(self, name: str) -> None:
        """Forget a copy that has ended."""
        with self._lock:
            if name in self._copies and self._copies[name].ended:
                del self._copies[name]

    def runs(self, name: str) -> bool:
        """Return whether it is being copied."""
        copy = self._copies.get(name)
        return copy is not None and not copy.ended

    def _start_thread(self) -> None:
        if self._threads < self._workers:
            self._threads += 1
            threading.Thread(target=self._run, name="rbd-flatten", daemon=True).start()

    def _run(self) -> None:
        while True:
            copy, work = self._queue.get()
            try:
                work(copy.report)
            except DriverError as error:
                copy.error = error
            except Exception as error:
                copy.error = DriverError("Ceph: %(error)s", values={"error": error}, code="volumes.failed")
            copy.ended = True
