"""The state machine of apps/lifecycle/models/operation.py, arrow by arrow."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import OperationalError
from django.utils import timezone

from apps.drivers.errors import DriverError
from apps.drivers.memory import MemoryFabric, World
from apps.drivers.specs import VpcSpec
from apps.infrastructure.models import Host
from apps.lifecycle import lease_renewal
from apps.lifecycle.engine import MAX_ATTEMPTS, MAX_BUGS, claim, execute
from apps.lifecycle.errors import Busy, NotNow
from apps.lifecycle.legality import ensure_possible, open_operation, possibilities
from apps.lifecycle.models import Operation, OperationLock, OperationStatus, Resource, State
from apps.lifecycle.models.operation import LEASE
from apps.lifecycle.operation_context import LeaseLost, OperationContext, lease_clock
from apps.lifecycle.requests import _supersede
from apps.lifecycle.state_labels import state_label
from tests.lifecycle.conftest import GLANCE, POLISH, SCRAP, Script, ask, make_host

pytestmark = pytest.mark.django_db


def expire_lease(operation: Operation) -> None:
    Operation.objects.filter(pk=operation.pk).update(lease_until=timezone.now() - timedelta(seconds=1))


def make_due(operation: Operation) -> None:
    Operation.objects.filter(pk=operation.pk).update(not_before=timezone.now())


@pytest.mark.requirement("OP-1")
def test_an_operation_is_claimed_run_and_finished(host: Host, script: Script) -> None:
    operation = ask(POLISH, host)
    execute(operation.pk)
    operation.refresh_from_db()
    assert operation.status == OperationStatus.DONE
    assert operation.attempt == 1
    assert operation.progress == 100
    assert operation.finished_at is not None


def test_a_second_claim_of_a_running_operation_gets_nothing(host: Host) -> None:
    operation = ask(POLISH, host)
    assert claim(operation.pk) is not None
    assert claim(operation.pk) is None


def test_a_settled_operation_is_not_run_again_when_the_bell_rings_twice(host: Host, script: Script) -> None:
    operation = ask(POLISH, host)
    execute(operation.pk)
    execute(operation.pk)
    assert len(script.runs) == 1


@pytest.mark.requirement("OP-2")
def test_an_operation_whose_worker_died_is_claimed_by_another_after_its_lease(
    host: Host, script: Script
) -> None:
    operation = ask(POLISH, host)
    first = claim(operation.pk)
    expire_lease(operation)
    second = claim(operation.pk)
    assert first is not None and second is not None
    assert second.attempt == first.attempt + 1


@pytest.mark.requirement("OP-2")
def test_a_worker_that_lost_its_lease_cannot_finish(host: Host, script: Script) -> None:
    operation = ask(POLISH, host)

    def overtaken(run: OperationContext) -> None:
        expire_lease(operation)
        assert claim(operation.pk) is not None

    script.does = overtaken
    execute(operation.pk)
    operation.refresh_from_db()
    assert operation.status == OperationStatus.RUNNING
    assert operation.attempt == 2


def test_the_settling_rows_are_not_written_by_a_worker_that_lost_its_lease(
    host: Host, script: Script
) -> None:
    operation = ask(POLISH, host)

    def overtaken(run: OperationContext) -> object:
        expire_lease(operation)
        claim(operation.pk)
        return lambda: Host.objects.filter(pk=host.pk).update(name="wrong")

    script.does = overtaken  # type: ignore[assignment]
    execute(operation.pk)
    host.refresh_from_db()
    assert host.name == "h1"


@pytest.mark.requirement("OP-4")
def test_a_transient_error_is_tried_again_later_with_growing_waits(host: Host, script: Script) -> None:
    def fails(run: OperationContext) -> None:
        raise DriverError("no answer", code="host.unreachable")

    script.does = fails
    operation = ask(POLISH, host)
    waits = []
    for _ in range(3):
        make_due(operation)
        execute(operation.pk)
        operation.refresh_from_db()
        assert operation.status == OperationStatus.QUEUED
        waits.append((operation.not_before - timezone.now()).total_seconds())
    assert waits == sorted(waits)
    assert operation.error["code"] == "host.unreachable"
    assert Host.objects.get(pk=host.pk).state == State.READY


@pytest.mark.requirement("OP-4")
def test_what_waits_for_a_host_is_tried_until_its_deadline_however_often_that_is(
    host: Host, script: Script
) -> None:
    """A host that is known to be away is refused at once, so that attempts are soon many."""

    def fails(run: OperationContext) -> None:
        raise DriverError("no answer", code="host.unreachable")

    script.does = fails
    operation = ask(POLISH, host)
    for _ in range(MAX_ATTEMPTS + 5):
        make_due(operation)
        execute(operation.pk)
    operation.refresh_from_db()
    assert operation.status == OperationStatus.QUEUED
    Operation.objects.filter(pk=operation.pk).update(deadline=timezone.now())
    make_due(operation)
    execute(operation.pk)
    operation.refresh_from_db()
    assert operation.status == OperationStatus.FAILED


@pytest.mark.requirement("OP-4")
def test_a_permanent_error_fails_the_operation_with_cause_code_and_next_step(
    host: Host, script: Script
) -> None:
    def fails(run: OperationContext) -> None:
        raise DriverError(
            "not an image", code="volumes.image_invalid", permanent=True, hint="Upload another."
        )

    script.does = fails
    operation = ask(POLISH, host)
    execute(operation.pk)
    operation.refresh_from_db()
    host.refresh_from_db()
    assert operation.status == OperationStatus.FAILED
    assert operation.error["message"] == "not an image"
    assert operation.error["code"] == host.error["code"] == "volumes.image_invalid"
    assert operation.error["hint"] == "Upload another."
    assert host.state == State.READY  # what existed before goes on existing


def test_a_resource_that_was_never_created_is_in_error_when_its_operation_fails(
    host: Host, script: Script
) -> None:
    def fails(run: OperationContext) -> None:
        raise DriverError("no", permanent=True)

    Resource.objects.filter(pk=host.pk).update(state=State.PENDING)
    script.does = fails
    execute(ask(POLISH, host).pk)
    host.refresh_from_db()
    assert host.state == State.ERROR
    assert state_label(host).tone == "error"


@pytest.mark.requirement("OP-4")
def test_an_operation_past_its_deadline_fails(host: Host, script: Script) -> None:
    operation = ask(POLISH, host)
    Operation.objects.filter(pk=operation.pk).update(deadline=timezone.now() - timedelta(seconds=1))
    execute(operation.pk)
    operation.refresh_from_db()
    assert operation.status == OperationStatus.FAILED
    assert operation.error["code"] == "operation.deadline"


@pytest.mark.requirement("OP-2")
def test_a_deadlock_in_the_database_hands_the_operation_back_at_once(host: Host, script: Script) -> None:
    """Otherwise it would look as if it were under way until its lease runs out, with nobody at it."""

    def deadlock(run: OperationContext) -> None:
        raise OperationalError("deadlock detected")

    script.does = deadlock
    operation = ask(POLISH, host)
    execute(operation.pk)
    operation.refresh_from_db()
    assert operation.status == OperationStatus.QUEUED
    assert operation.error["code"] == "database.unreachable"
    script.does = lambda run: None
    make_due(operation)
    execute(operation.pk)
    operation.refresh_from_db()
    assert operation.status == OperationStatus.DONE


def test_a_bug_in_a_handler_is_tried_a_few_times_then_named(host: Host, script: Script) -> None:
    def bug(run: OperationContext) -> None:
        raise ZeroDivisionError

    script.does = bug
    operation = ask(POLISH, host)
    for _ in range(MAX_BUGS + 1):
        make_due(operation)
        execute(operation.pk)
    operation.refresh_from_db()
    assert operation.status == OperationStatus.FAILED
    assert operation.error["code"] == "platform.bug"


def test_having_waited_for_long_is_no_failure_when_a_bug_comes_up(host: Host, script: Script) -> None:
    def bug(run: OperationContext) -> None:
        raise ZeroDivisionError

    script.does = bug
    operation = ask(POLISH, host)
    Operation.objects.filter(pk=operation.pk).update(attempt=40_000, failures=40_000)
    execute(operation.pk)
    operation.refresh_from_db()
    assert operation.status == OperationStatus.QUEUED


def test_a_second_operation_on_a_held_resource_is_refused(host: Host) -> None:
    ask(POLISH, host)
    with pytest.raises(Busy):
        ask(POLISH, host)
    with pytest.raises(Busy):
        ensure_possible(POLISH, host, open_operation(host))


def test_an_operation_on_several_resources_holds_them_all_until_it_settles(
    host: Host, script: Script
) -> None:
    other = make_host("h2")
    operation = ask(POLISH, host, also=(other,))
    with pytest.raises(Busy):
        ask(POLISH, other)
    execute(operation.pk)
    assert not OperationLock.objects.exists()
    ask(POLISH, other)


def test_what_is_not_exclusive_runs_beside_what_is(host: Host) -> None:
    ask(POLISH, host)
    assert ask(GLANCE, host).status == OperationStatus.QUEUED


def test_what_is_not_exclusive_says_nothing_about_the_state_of_what_it_looks_at(
    host: Host, script: Script
) -> None:
    def refuse(run: OperationContext) -> None:
        raise DriverError("no", permanent=True)

    Resource.objects.filter(pk=host.pk).update(state=State.PENDING, generation=3, observed_generation=1)
    execute(ask(GLANCE, host).pk)
    script.does = refuse
    execute(ask(GLANCE, host).pk)
    host.refresh_from_db()
    assert (host.state, host.observed_generation, host.error) == (State.PENDING, 1, {})


@pytest.mark.requirement("OP-4")
def test_a_superseding_verb_cancels_what_waits_and_begins_at_once(host: Host) -> None:
    polishing = ask(POLISH, host)
    scrapping = ask(SCRAP, host)
    polishing.refresh_from_db()
    assert polishing.status == OperationStatus.CANCELLED
    assert claim(scrapping.pk) is not None


@pytest.mark.requirement("OP-4")
def test_what_a_worker_claims_just_then_is_pushed_aside_all_the_same(host: Host) -> None:
    seen_waiting = ask(POLISH, host)
    claimed = claim(seen_waiting.pk)
    assert claimed is not None
    assert _supersede([seen_waiting]) == claimed, "its worker has to let go first"
    claimed.refresh_from_db()
    assert claimed.status == OperationStatus.CANCELLED


@pytest.mark.requirement("OP-4")
def test_a_superseding_verb_waits_for_the_running_handler_to_let_go(host: Host, script: Script) -> None:
    polishing = ask(POLISH, host)
    claimed: list[Operation | None] = []

    def superseded(run: OperationContext) -> None:
        scrapping = ask(SCRAP, host)
        claimed.append(claim(scrapping.pk))  # too early: this handler is still at work
        lease_renewal.keeper.tick([run])
        run.step("after the loss")

    script.does = superseded
    execute(polishing.pk)
    scrapping = Operation.objects.get(verb=SCRAP.name)
    assert claimed == [None]
    assert scrapping.blocked_by is None
    assert claim(scrapping.pk) is not None


@pytest.mark.requirement("OP-4")
def test_what_pushes_aside_a_verb_that_waits_for_a_handler_waits_for_that_handler_too(host: Host) -> None:
    assert claim(ask(POLISH, host).pk) is not None
    ask(SCRAP, host)
    again = ask(SCRAP, host)
    assert claim(again.pk) is None


@pytest.mark.requirement("OP-2")
def test_a_superseding_verb_does_not_wait_for_ever_for_a_dead_worker(host: Host) -> None:
    claim(ask(POLISH, host).pk)
    scrapping = ask(SCRAP, host)
    assert scrapping.not_before <= timezone.now() + LEASE
    make_due(scrapping)
    assert claim(scrapping.pk) is not None


@pytest.mark.requirement("OP-2")
def test_an_attempt_that_may_have_lost_its_lease_changes_nothing_in_the_network(host: Host) -> None:
    operation = claim(ask(POLISH, host).pk)
    assert operation is not None
    run, world = OperationContext(operation), World()
    run.renewed(lease_clock() - LEASE.total_seconds())
    with pytest.raises(LeaseLost):
        MemoryFabric(world, run.guard).ensure(VpcSpec("1", vni=1))
    assert MemoryFabric(world).inventory().of(VpcSpec) == {}
    lease_renewal.LeaseRenewer().tick([run])  # it was nobody else's yet, and is held again
    MemoryFabric(world, run.guard).ensure(VpcSpec("1", vni=1))


def test_the_keeper_renews_leases_and_writes_the_step_log(host: Host) -> None:
    operation = claim(ask(POLISH, host).pk)
    assert operation is not None
    run = OperationContext(operation)
    run.step("Rubbing", 40)
    expire_lease(operation)
    fresh = lease_renewal.LeaseRenewer()
    fresh.tick([run])
    operation.refresh_from_db()
    assert operation.lease_until is not None and operation.lease_until > timezone.now()
    assert [step["text"] for step in operation.steps] == ["Rubbing"]
    assert operation.progress == 40


@pytest.mark.requirement("VM-9")
def test_the_word_shown_is_derived_from_the_open_operation(host: Host, script: Script) -> None:
    assert state_label(host).word == "Available"
    operation = ask(POLISH, host)
    assert state_label(host).word == "Polishing"
    execute(operation.pk)
    assert state_label(host).word == "Available"


def test_every_verb_that_is_not_possible_says_why(host: Host) -> None:
    ask(POLISH, host)
    judged = {p.verb.name: p for p in possibilities(host)}
    assert "Polishing" in judged["host.polish"].reason
    assert judged["host.scrap"].allowed
    Resource.objects.filter(pk=host.pk).update(state=State.ERROR, error={"message": "burnt"})
    host.refresh_from_db()
    Operation.objects.all().delete()
    with pytest.raises(NotNow, match="burnt"):
        ensure_possible(POLISH, host, open_operation(host))
