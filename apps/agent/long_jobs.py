"""Work that outlasts an order: it goes on in a thread, and asking for it again joins it."""

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

from apps.drivers.errors import DriverError
from apps.drivers.errors import mark as _
from apps.drivers.orders import STILL_WORKING

T = TypeVar("T")
PATIENCE_SECONDS = 20.0


class LongJobs:
    """At most `workers` at a time; an agent that stops forgets them, and the next order begins again.

    As many orders wait for a result, and so hold a thread of the agent; further ones are told at once to ask again.
    """

    def __init__(self, workers: int = 2, patience: float = PATIENCE_SECONDS) -> None:
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="long-job")
        self._patience = patience
        self._waiters = threading.BoundedSemaphore(workers)
        self._lock = threading.Lock()
        self._jobs: dict[str, Future[Any]] = {}

    def join(self, name: str, work: Callable[[], T], kind: type[T]) -> T:
        """Start the job unless it runs; return its result, or fail as "host.still_working" while there is none."""
        with self._lock:
            job = self._jobs.get(name) or self._jobs.setdefault(name, self._pool.submit(work))
        try:
            result = self._result(job)
        except TimeoutError:
            if not job.done():
                raise still_working(name) from None
            self._forget(name, job)
            raise
        except BaseException:
            self._forget(name, job)
            raise
        self._forget(name, job)
        assert isinstance(result, kind)
        return result

    def _result(self, job: "Future[Any]") -> Any:
        if not self._waiters.acquire(blocking=False):
            return job.result(timeout=0)
        try:
            return job.result(timeout=self._patience)
        finally:
            self._waiters.release()

    def _forget(self, name: str, job: "Future[Any]") -> None:
        with self._lock:
            if self._jobs.get(name) is job:
                del self._jobs[name]


def still_working(name: str, **how_far: int) -> DriverError:
    """Return what is said while there is no result; `how_far`: `done_bytes` of `total_bytes`, where that is known."""
    return DriverError(
        _("The host is still working on %(name)s."),
        values={"name": name, **how_far},
        code=STILL_WORKING,
        hint=_("The platform checks again automatically."),
    )
