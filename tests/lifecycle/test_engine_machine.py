"""The engine under every order of events hypothesis can think of: requests, workers, zombies, cancellations, sweeps.

Workers are attempts held in hand: claimed in one step, ended in another, or too late, when the lease is long another's.
"""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction
from django.db.models import F
from django.utils import timezone
from hypothesis import strategies as some
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from apps.drivers.errors import DriverError
from apps.drivers.orders import Fence
from apps.infrastructure.models import Host
from apps.lifecycle import dispatch, engine
from apps.lifecycle.actor import SYSTEM
from apps.lifecycle.cancellation import cancel
from apps.lifecycle.errors import Busy
from apps.lifecycle.lease_renewal import LeaseRenewer
from apps.lifecycle.legality import holding
from apps.lifecycle.models import Operation, OperationLock, OperationStatus, Resource
from apps.lifecycle.operation_context import LeaseLost, OperationContext
from apps.lifecycle.requests import Change, lock
from apps.lifecycle.sweep import sweep
from tests.lifecycle.conftest import GLANCE, POLISH, SCRAP, Script, make_host
from tests.machines import play

HOSTS = 3
OPEN = {OperationStatus.QUEUED, OperationStatus.RUNNING}
hosts = some.integers(0, HOSTS - 1)


def _well(run: OperationContext) -> None: ...


def _for_good(run: OperationContext) -> None:
    raise DriverError("broken", permanent=True)


def _for_now(run: OperationContext) -> None:
    raise DriverError("no answer")


def _bug(run: OperationContext) -> None:
    raise ZeroDivisionError


def _notices(run: OperationContext) -> None:
    run.step("one more step")


VERBS = {"polish": POLISH, "scrap": SCRAP, "glance": GLANCE}


def _completes(run: OperationContext) -> None:
    run.no_stop_now()


def _completes_in_vain(run: OperationContext) -> None:
    run.no_stop_now()
    _for_now(run)


ENDS = {
    "completes": _completes,
    "completes in vain": _completes_in_vain,
    "well": _well,
    "for good": _for_good,
    "for now": _for_now,
    "bug": _bug,
    "notices": _notices,
}


class Engine(RuleBasedStateMachine):
    """Some hosts, what was requested, and the attempts that workers hold."""

    script: Script

    def __init__(self) -> None:
        super().__init__()
        self.example = transaction.atomic()
        self.example.__enter__()
        self.hosts = [make_host(f"h{number}") for number in range(HOSTS)]
        self.held: list[OperationContext] = []
        #: Attempts whose lease ran out in their hands: the only ones another may overtake.
        self.silent: set[tuple[Any, int]] = set()
        self.settled: dict[Any, tuple[Any, ...]] = {}
        #: What was cancelled in time: it can only end cancelled.
        self.cancelled: set[Any] = set()
        self.fences: dict[Any, Fence] = {}

    def teardown(self) -> None:
        try:
            self._drain()
        finally:
            transaction.set_rollback(True)
            self.example.__exit__(None, None, None)

    # -- people ------------------------------------------------------------------------------------------------------

    @rule(
        name=some.sampled_from(["polish", "polish", "scrap", "glance"]),
        host=hosts,
        beside=some.none() | hosts,
    )
    def ask(self, name: str, host: int, beside: int | None) -> None:
        verb = VERBS[name]
        also = [self.hosts[beside]] if verb is POLISH and beside not in (None, host) else []  # type: ignore[index]
        target = self.hosts[host]
        busy = bool(holding([target, *also])) and verb.exclusive and not verb.supersedes
        before = _open_running(target)
        try:
            with transaction.atomic():
                for resource in sorted([target, *also], key=lambda row: row.pk):
                    lock(resource)
                operation = Change(SYSTEM, verb, target, holding([target])).request(also=also)
        except Busy:
            assert busy
            return
        assert not busy
        if verb.supersedes and before:
            assert operation.blocked_by_id in before
            assert operation.not_before > timezone.now() or self._all_silent(before)

    @precondition(lambda self: Operation.objects.open().exists())
    @rule(which=some.integers(0, 20))
    def cancel(self, which: int) -> None:
        operation = _nth(Operation.objects.open(), which)
        asked = bool(operation.stopping)  # then it stops, or is past stopping
        waited = operation.status == OperationStatus.QUEUED and operation.blocked_by_id is None and not asked
        in_time = cancel(SYSTEM, operation)
        assert in_time or not waited
        if in_time:
            self.cancelled.add(operation.pk)

    # -- workers -----------------------------------------------------------------------------------------------------

    @precondition(lambda self: Operation.objects.exists())
    @rule(which=some.integers(0, 20))
    def claim(self, which: int) -> None:
        operation = _nth(Operation.objects.all(), which)
        was_due = Operation.objects.claimable().filter(pk=operation.pk).exists()
        claimed = engine.claim(operation.pk)
        assert (claimed is not None) == was_due
        if claimed is None:
            return
        assert claimed.attempt == operation.attempt + 1
        run = OperationContext(claimed)
        for other in self.held:
            same = other.target_id == run.target_id and other.operation.exclusive and claimed.exclusive
            assert not same or self._key(other) in self.silent, "two handlers at work on one resource"
        if claimed.exclusive:
            fence = Fence(run.operation.sequence, run.operation.attempt)
            assert fence > self.fences.get(run.target_id, Fence(0))
            self.fences[run.target_id] = fence
        self.held.append(run)

    @precondition(lambda self: self.held)
    @rule(which=some.integers(0, 20), how=some.sampled_from(sorted(ENDS)))
    def end(self, which: int, how: str) -> None:
        run = self.held.pop(which % len(self.held))
        before, mine = _everything(), self._is_mine(run)
        self.script.does = ENDS[how]
        _carry_out(run)
        if not mine:
            assert _everything() == before, "an attempt that lost has written"
        else:
            assert _everything() != before

    @precondition(lambda self: self.held)
    @rule()
    def keep_leases(self) -> None:
        keeper = LeaseRenewer()
        keeper._runs = {run.operation.pk: run for run in self.held}
        keeper.tick(list(keeper._runs.values()))
        for run in keeper._runs.values():
            assert run.lost.is_set() or self._is_mine(run)
            if self._is_mine(run):
                self.silent.discard(self._key(run))

    # -- time --------------------------------------------------------------------------------------------------------

    @precondition(lambda self: self.held)
    @rule(which=some.integers(0, 20))
    def lose_lease(self, which: int) -> None:
        self._silence(self.held[which % len(self.held)])

    @precondition(lambda self: Operation.objects.open().exists())
    @rule(which=some.integers(0, 20))
    def come_due(self, which: int) -> None:
        """So late that also what was pushed aside has had its lease."""
        operation = _nth(Operation.objects.open(), which)
        for run in self.held:
            if run.operation.pk == operation.blocked_by_id:
                self._silence(run)
        Operation.objects.filter(pk=operation.pk).update(not_before=timezone.now())

    @precondition(lambda self: Operation.objects.open().exists())
    @rule(which=some.integers(0, 20))
    def pass_deadline(self, which: int) -> None:
        late = timezone.now() - timedelta(hours=1)
        Operation.objects.filter(pk=_nth(Operation.objects.open(), which).pk).update(deadline=late)

    @rule()
    def sweep(self) -> None:
        Operation.objects.update(rung_at=F("rung_at") - timedelta(minutes=1))
        sweep()

    # -- what always holds -------------------------------------------------------------------------------------------

    @invariant()
    def rules_are_kept(self) -> None:
        rows = list(Operation.objects.select_related(None).order_by("sequence"))
        locks = list(OperationLock.objects.values_list("resource", "operation"))
        self._one_holds_a_resource(rows, locks)
        self._nothing_is_locked_by_what_is_settled(rows, locks)
        self._what_is_settled_stays_so(rows)
        self._nothing_fails_without_a_cause(rows)
        self._what_was_cancelled_in_time_ends_cancelled()
        assert all(row.lease_until for row in rows if row.status == OperationStatus.RUNNING)

    def _one_holds_a_resource(self, rows: list[Operation], locks: list[tuple[Any, Any]]) -> None:
        acting = [row.resource_id for row in rows if row.is_open and row.exclusive]
        held = Counter([*acting, *(resource for resource, _operation in locks)])
        assert all(count == 1 for count in held.values()), held

    def _nothing_is_locked_by_what_is_settled(
        self, rows: list[Operation], locks: list[tuple[Any, Any]]
    ) -> None:
        assert {operation for _resource, operation in locks} <= {row.pk for row in rows if row.is_open}

    def _what_is_settled_stays_so(self, rows: list[Operation]) -> None:
        now = {row.pk: _as_kept(row) for row in rows if not row.is_open}
        for pk, kept in self.settled.items():
            assert now.get(pk) == kept
        self.settled = now

    def _nothing_fails_without_a_cause(self, rows: list[Operation]) -> None:
        for row in rows:
            assert row.is_open or row.finished_at is not None
            if row.status in {OperationStatus.FAILED, OperationStatus.CANCELLED}:
                assert row.error["code"] and row.error["message"]

    def _what_was_cancelled_in_time_ends_cancelled(self) -> None:
        ended = Operation.objects.filter(pk__in=self.cancelled, finished_at__isnull=False)
        assert set(ended.values_list("status", flat=True)) <= {OperationStatus.CANCELLED}

    # -- inside ------------------------------------------------------------------------------------------------------

    def _drain(self) -> None:
        """Let the workers come back and time go by: everything settles."""
        self.held.clear()
        self.script.does = _well
        for _round in range(4):
            past = timezone.now() - timedelta(minutes=1)
            Operation.objects.open().update(not_before=past)
            Operation.objects.filter(status=OperationStatus.RUNNING).update(lease_until=past)
            sweep()
            for operation in Operation.objects.claimable():
                claimed = engine.claim(operation.pk)
                assert claimed is not None
                _carry_out(OperationContext(claimed))
        self._what_was_cancelled_in_time_ends_cancelled()
        assert not Operation.objects.open().exists()
        assert not OperationLock.objects.exists()

    def _silence(self, run: OperationContext) -> None:
        """Let the run's lease be over, if it still has one."""
        late = timezone.now() - timedelta(seconds=1)
        Operation.objects.filter(pk=run.operation.pk, status=OperationStatus.RUNNING).filter(
            attempt=run.operation.attempt
        ).update(lease_until=late)
        self.silent.add(self._key(run))

    def _all_silent(self, operations: list[Any]) -> bool:
        return all(self._key(run) in self.silent for run in self.held if run.operation.pk in operations)

    @staticmethod
    def _key(run: OperationContext) -> tuple[Any, int]:
        return run.operation.pk, run.operation.attempt

    @staticmethod
    def _is_mine(run: OperationContext) -> bool:
        return Operation.objects.filter(
            pk=run.operation.pk, attempt=run.operation.attempt, status=OperationStatus.RUNNING
        ).exists()


def _as_kept(row: Operation) -> tuple[Any, ...]:
    return row.status, row.attempt, row.finished_at, row.error, row.result, row.steps


_OPERATION = ("pk", "status", "attempt", "finished_at", "error", "result", "steps")


def _carry_out(run: OperationContext) -> None:
    """As `engine.execute` does once it has claimed."""
    try:
        engine._attempt(run)
    except LeaseLost:
        engine._release_blocked(run.operation)


def _everything() -> list[Any]:
    """What a handler's end may write, less the permission for what pushed it aside to begin."""
    return [
        list(Operation.objects.order_by("pk").values_list(*_OPERATION, "lease_until", "failures")),
        list(Resource.objects.order_by("pk").values_list("pk", "state", "error", "observed_generation")),
        list(OperationLock.objects.order_by("pk").values_list("pk", "operation")),
    ]


def _open_running(host: Host) -> list[Any]:
    running = [operation for operation in holding([host]) if operation.status == OperationStatus.RUNNING]
    return [operation.pk for operation in running]


def _nth(operations: Any, number: int) -> Operation:
    rows = list(operations.order_by("sequence"))
    return rows[number % len(rows)]  # type: ignore[no-any-return]


@pytest.mark.django_db
@pytest.mark.requirement("OP-1")
@pytest.mark.requirement("OP-2")
def test_whatever_happens_in_whatever_order_one_at_a_time_holds_and_everything_settles(
    script: Script, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dispatch, "dispatch", lambda operation_id: None)
    Engine.script = script
    play(Engine, examples=15, steps=30)
