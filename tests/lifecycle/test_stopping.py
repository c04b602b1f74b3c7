"""Cancelling what a worker is at: it stops at its next step and holds its resource until then."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from apps.drivers.errors import DriverError
from apps.infrastructure.models import Host
from apps.lifecycle import lease_renewal
from apps.lifecycle.actor import SYSTEM
from apps.lifecycle.cancellation import cancel, why_not_cancel
from apps.lifecycle.engine import claim, execute
from apps.lifecycle.errors import Busy
from apps.lifecycle.handlers import Settle
from apps.lifecycle.legality import ensure_possible, open_operation
from apps.lifecycle.models import Operation, OperationStatus, Resource, State
from apps.lifecycle.operation_context import OperationContext
from apps.lifecycle.sweep import sweep
from tests.lifecycle.conftest import POLISH, SCRAP, TIDY, Script, ask

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("OP-4")]


def notices(run: OperationContext) -> None:
    """What the keeper's thread does every second."""
    lease_renewal.LeaseRenewer()._mark_lost([run])


def claimed(operation: Operation) -> Operation:
    taken = claim(operation.pk)
    assert taken is not None
    return taken


def status(operation: Operation) -> str:
    operation.refresh_from_db()
    return operation.status


def test_a_running_operation_stops_at_its_next_step_and_leaves_the_resource_to_be_tried_again(
    host: Host, script: Script
) -> None:
    operation, steps = ask(POLISH, host), []

    def two_steps(run: OperationContext) -> None:
        steps.append("first")
        assert cancel(SYSTEM, operation)
        notices(run)
        run.step("second")
        steps.append("second")

    script.does = two_steps
    execute(operation.pk)
    assert (status(operation), steps) == (OperationStatus.CANCELLED, ["first"])
    host.refresh_from_db()
    assert (host.state, host.error["code"]) == (State.READY, "operation.cancelled")
    ensure_possible(POLISH, host, open_operation(host))


def test_until_it_has_stopped_it_holds_its_resource(host: Host) -> None:
    operation = ask(POLISH, host)
    claim(operation.pk)
    assert cancel(SYSTEM, operation)
    operation.refresh_from_db()
    assert (operation.is_open, "Cancellation was requested" in why_not_cancel(operation)) == (True, True)
    assert not cancel(SYSTEM, operation)
    with pytest.raises(Busy):
        ensure_possible(POLISH, host, open_operation(host))
    ensure_possible(SCRAP, host, open_operation(host))


@pytest.mark.parametrize("end", ["done", "failed", "failed for good", "late"])
def test_one_that_comes_to_its_end_before_it_noticed_is_cancelled(
    host: Host, script: Script, end: str
) -> None:
    operation, settled = ask(POLISH, host), []

    def comes_to_its_end(run: OperationContext) -> Settle:
        assert cancel(SYSTEM, operation)
        if end == "late":
            run._ends = 0
        if end != "done":
            raise DriverError("no answer", permanent=end == "failed for good")
        return lambda: settled.append(True)

    script.does = comes_to_its_end
    execute(operation.pk)
    assert (status(operation), operation.error["code"]) == (
        OperationStatus.CANCELLED,
        "operation.cancelled",
    )
    assert settled == []
    assert [step["text"] for step in operation.steps] == (["no answer"] if end != "done" else [])
    host.refresh_from_db()
    assert (host.error["code"], host.generation == host.observed_generation) == (
        "operation.cancelled",
        False,
    )
    ensure_possible(POLISH, host, open_operation(host))


def test_what_a_dead_worker_was_at_past_its_deadline_ends_cancelled_if_it_was_asked_to(host: Host) -> None:
    operation = ask(POLISH, host)
    claim(operation.pk)
    assert cancel(SYSTEM, operation)
    long_ago = timezone.now() - timedelta(minutes=10)
    Operation.objects.filter(pk=operation.pk).update(deadline=long_ago, lease_until=long_ago)
    sweep()
    assert status(operation) == OperationStatus.CANCELLED


def test_what_completes_it_cannot_be_cancelled_while_it_runs_and_again_once_it_failed(
    host: Host, script: Script
) -> None:
    operation = ask(POLISH, host)

    def completes(run: OperationContext) -> None:
        run.no_stop_now()
        operation.refresh_from_db()
        assert "Too late" in why_not_cancel(operation)
        assert not cancel(SYSTEM, operation)
        raise DriverError("no answer")

    script.does = completes
    execute(operation.pk)
    assert status(operation) == OperationStatus.QUEUED
    assert cancel(SYSTEM, operation)
    assert status(operation) == OperationStatus.CANCELLED


def test_what_a_dead_worker_was_completing_can_be_cancelled_once_another_has_it(host: Host) -> None:
    operation = ask(POLISH, host)
    OperationContext(claimed(operation)).no_stop_now()
    assert not cancel(SYSTEM, operation)
    Operation.objects.filter(pk=operation.pk).update(lease_until=timezone.now() - timedelta(seconds=1))
    claim(operation.pk)
    assert cancel(SYSTEM, operation)


def test_completing_it_does_not_forget_that_there_is_no_way_back(host: Host, script: Script) -> None:
    operation = ask(POLISH, host)

    def both(run: OperationContext) -> None:
        run.no_way_back()
        run.no_stop_now()
        raise DriverError("no answer")

    script.does = both
    execute(operation.pk)
    assert not cancel(SYSTEM, operation)


def test_a_cancellation_just_before_what_completes_it_is_kept(host: Host, script: Script) -> None:
    operation, completed = ask(POLISH, host), []

    def completes(run: OperationContext) -> None:
        assert cancel(SYSTEM, operation)
        run.no_stop_now()
        completed.append(True)

    script.does = completes
    execute(operation.pk)
    assert (status(operation), completed) == (OperationStatus.CANCELLED, [])


def test_past_the_point_of_no_return_nobody_can_cancel_it_any_more(host: Host, script: Script) -> None:
    operation = ask(POLISH, host)

    def destroys(run: OperationContext) -> None:
        run.no_way_back()
        operation.refresh_from_db()
        assert "Too late" in why_not_cancel(operation)
        assert not cancel(SYSTEM, operation)
        raise DriverError("no answer")

    script.does = destroys
    execute(operation.pk)
    assert status(operation) == OperationStatus.QUEUED
    # Nor between two attempts: the first may have done it.
    assert not cancel(SYSTEM, operation)


def test_a_cancellation_just_before_the_point_of_no_return_is_kept(host: Host, script: Script) -> None:
    operation, destroyed = ask(POLISH, host), []

    def destroys(run: OperationContext) -> None:
        assert cancel(SYSTEM, operation)
        run.no_way_back()
        destroyed.append(True)

    script.does = destroys
    execute(operation.pk)
    assert (status(operation), destroyed) == (OperationStatus.CANCELLED, [])


def test_a_worker_that_lost_its_lease_does_not_pass_the_point_of_no_return(
    host: Host, script: Script
) -> None:
    operation, destroyed = ask(POLISH, host), []

    def overtaken(run: OperationContext) -> None:
        Operation.objects.filter(pk=operation.pk).update(attempt=7)
        run.no_way_back()
        destroyed.append(True)

    script.does = overtaken
    execute(operation.pk)
    assert destroyed == []


def test_what_a_dead_worker_was_at_is_cancelled_by_the_next_attempt_without_running(
    host: Host, script: Script
) -> None:
    operation = ask(POLISH, host)
    claim(operation.pk)
    assert cancel(SYSTEM, operation)
    Operation.objects.filter(pk=operation.pk).update(lease_until=timezone.now() - timedelta(seconds=1))
    execute(operation.pk)
    assert (status(operation), script.runs) == (OperationStatus.CANCELLED, [])


def test_an_attempt_that_fails_after_it_was_asked_to_stop_is_not_tried_again(
    host: Host, script: Script
) -> None:
    operation = ask(POLISH, host)

    def fails(run: OperationContext) -> None:
        assert cancel(SYSTEM, operation)
        notices(run)
        raise DriverError("no answer")

    script.does = fails
    execute(operation.pk)
    assert status(operation) == OperationStatus.CANCELLED
    assert operation.steps[-1]["text"] == "no answer"


def test_what_is_cancellable_only_before_it_begins_is_not_once_a_worker_has_begun(host: Host) -> None:
    assert cancel(SYSTEM, ask(TIDY, host))
    started = ask(TIDY, host)
    stale = Operation.objects.get(pk=started.pk)  # read before the worker took it
    claim(started.pk)
    started.refresh_from_db()
    assert not cancel(SYSTEM, started)
    assert not cancel(SYSTEM, stale)


def test_an_operation_read_while_it_waited_is_asked_to_stop_if_it_runs_by_now(host: Host) -> None:
    operation = ask(POLISH, host)
    claim(operation.pk)
    assert operation.status == OperationStatus.QUEUED
    assert cancel(SYSTEM, operation)
    assert status(operation) == OperationStatus.RUNNING


@pytest.mark.parametrize("swept", [False, True])
def test_past_its_deadline_it_fails_by_what_its_last_attempt_failed_by(
    host: Host, script: Script, swept: bool
) -> None:
    def fails(run: OperationContext) -> None:
        raise DriverError(
            "Host %(name)s does not answer.", values={"name": "h1"}, code="host.unreachable", hint="Look."
        )

    script.does = fails
    operation = ask(POLISH, host)
    execute(operation.pk)
    long_ago = timezone.now() - timedelta(minutes=10)
    Operation.objects.filter(pk=operation.pk).update(deadline=long_ago, not_before=long_ago)
    sweep() if swept else execute(operation.pk)
    assert status(operation) == OperationStatus.FAILED
    for error in (operation.error, Resource.objects.get(pk=host.pk).error):
        assert (error["code"], error["hint"]) == ("host.unreachable", "Look.")
        assert error["message"] == "Host h1 does not answer."


def test_a_deadline_is_moved_only_later_and_only_by_who_has_the_operation(host: Host, script: Script) -> None:
    operation = ask(POLISH, host)
    before = operation.deadline

    def measures(run: OperationContext) -> None:
        run.extend(before - timedelta(minutes=1))
        run.extend(before + timedelta(minutes=5))
        Operation.objects.filter(pk=operation.pk).update(attempt=7)
        run.extend(before + timedelta(minutes=9))

    script.does = measures
    execute(operation.pk)
    operation.refresh_from_db()
    assert operation.deadline == before + timedelta(minutes=5)
