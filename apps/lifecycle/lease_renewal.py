"""Keeping the leases of everything this process runs, in one thread and one statement.

Every tick it also writes step logs that changed and finds out what was taken away or is to stop.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

from django.db import DatabaseError, close_old_connections
from django.db.models.functions import Now

from apps.lifecycle import push
from apps.lifecycle.models import Operation, OperationStatus
from apps.lifecycle.models.operation import LEASE, Stopping
from apps.lifecycle.operation_context import OperationContext, lease_clock

log = logging.getLogger(__name__)

TICK_SECONDS = 1.0
RENEW_SECONDS = LEASE.total_seconds() / 4


class LeaseRenewer:
    """The runs of this process. Thread-safe."""

    def __init__(self) -> None:
        self._runs: dict[UUID, OperationContext] = {}
        self._mutex = threading.Lock()
        self._thread: threading.Thread | None = None
        self._renewed = 0.0

    @contextmanager
    def renewing_lease(self, run: OperationContext) -> Iterator[None]:
        """Keep the run's lease for the length of the block."""
        with self._mutex:
            self._runs[run.operation.pk] = run
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="lease-renewer", daemon=True)
                self._thread.start()
        try:
            yield
        finally:
            with self._mutex:
                self._runs.pop(run.operation.pk, None)

    def _work(self) -> None:
        while True:
            time.sleep(TICK_SECONDS)
            with self._mutex:
                runs = list(self._runs.values())
            if not runs:
                continue
            try:
                self.tick(runs)
            except DatabaseError:
                # The database is away: leases run out there and another worker may take over later; `tick` will then
                # find out that these runs are lost before any of them can finish.
                log.exception("leases not renewed")
            finally:
                close_old_connections()

    def tick(self, runs: list[OperationContext]) -> None:
        """Renew leases when due, mark runs that were taken away, write changed step logs."""
        self._mark_lost(runs)
        if time.monotonic() - self._renewed > RENEW_SECONDS:
            self._renewed = time.monotonic()
            started = lease_clock()
            mine = Operation.objects.filter(
                pk__in=[run.operation.pk for run in runs if not run.lost.is_set()]
            )
            mine.filter(status=OperationStatus.RUNNING).update(lease_until=Now() + LEASE)
            for run in runs:
                run.renewed(started)
        for run in runs:
            if run.dirty and not run.lost.is_set():
                _write_steps(run)

    def _mark_lost(self, runs: list[OperationContext]) -> None:
        rows = Operation.objects.filter(
            pk__in=[run.operation.pk for run in runs], status=OperationStatus.RUNNING
        ).values_list("pk", "attempt", "stopping")
        owned = {(pk, attempt): stopping for pk, attempt, stopping in rows}
        for run in runs:
            mine = (run.operation.pk, run.operation.attempt)
            if mine not in owned and run.operation.pk in self._runs:
                run.lost.set()
            elif owned.get(mine) == Stopping.ASKED:
                run.stopping.set()


def _write_steps(run: OperationContext) -> None:
    run.dirty = False
    written = Operation.objects.filter(
        pk=run.operation.pk, status=OperationStatus.RUNNING, attempt=run.operation.attempt
    ).update(steps=run.steps, progress=run.progress)
    if written:
        push.operation_changed(run.operation)


renewer = LeaseRenewer()
