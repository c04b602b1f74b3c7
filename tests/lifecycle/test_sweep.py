"""What falls through is found again."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from uuid import uuid4

import pytest
import redis.exceptions
from celery import current_app
from django.utils import timezone
from pytest_django.fixtures import Settings

from apps.infrastructure.models import Host
from apps.lifecycle import dispatch
from apps.lifecycle.engine import claim
from apps.lifecycle.models import Operation, OperationStatus
from apps.lifecycle.models.operation import LEASE
from apps.lifecycle.sweep import OUT_OF_TURN, RING_AGAIN, RING_ANYWAY, sweep
from tests.lifecycle.conftest import GLANCE, POLISH, ask

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def rings(settings: Settings) -> Iterator[str]:
    """A queue of the test's own, in which nothing waits yet."""
    name = f"test-{uuid4()}"
    settings.CELERY_TASK_DEFAULT_QUEUE = name
    yield name
    with current_app.connection_for_write() as connection:
        connection.default_channel.queue_delete(name)


def age(operation: Operation, **columns: object) -> None:
    Operation.objects.filter(pk=operation.pk).update(**columns)


@pytest.mark.requirement("OP-1")
def test_a_lost_ring_is_rung_again_but_not_at_every_sweep(host: Host) -> None:
    operation = ask(POLISH, host)
    assert sweep() == 0
    age(operation, rung_at=timezone.now() - RING_AGAIN - timedelta(seconds=1))
    assert sweep() == 1
    assert sweep() == 0


@pytest.mark.requirement("OP-1")
def test_while_rings_wait_for_a_worker_none_is_rung_twice_until_it_must_have_been_lost(
    host: Host, rings: str
) -> None:
    operation = ask(POLISH, host)
    assert dispatch.waiting() == 0
    for _ in range(2):
        current_app.send_task(dispatch.RUN_TASK, args=[str(uuid4())], queue=rings)
    assert dispatch.waiting() == 2
    for wait, rung in ((RING_AGAIN, 0), (RING_ANYWAY, 1)):
        asked = timezone.now() - wait - timedelta(seconds=1)
        age(operation, not_before=asked, rung_at=asked)
        assert sweep() == rung


@pytest.mark.requirement("OP-1")
def test_a_ring_that_others_have_overtaken_was_lost_although_some_wait(host: Host, rings: str) -> None:
    lost, started = ask(POLISH, host), ask(GLANCE, host)
    current_app.send_task(dispatch.RUN_TASK, args=[str(uuid4())], queue=rings)
    asked = timezone.now() - timedelta(seconds=10)
    age(lost, not_before=asked, rung_at=asked)
    age(started, not_before=asked, rung_at=asked)
    assert claim(started.pk) is not None
    assert sweep() == 0, "the one that has started was rung for at the same time"
    overtaken = asked + OUT_OF_TURN + timedelta(seconds=1)
    age(started, rung_at=overtaken, lease_until=overtaken - timedelta(seconds=1))
    assert sweep() == 0, "its worker is dead, and it waits like the other one"
    age(started, lease_until=timezone.now() + LEASE)
    assert sweep() == 1
    assert sweep() == 0


@pytest.mark.requirement("OP-2")
def test_a_dead_workers_operation_is_rung_for_at_once_whatever_waits(host: Host, rings: str) -> None:
    operation = ask(POLISH, host)
    claim(operation.pk)
    current_app.send_task(dispatch.RUN_TASK, args=[str(uuid4())], queue=rings)
    now = timezone.now()
    age(operation, rung_at=now - timedelta(seconds=21), lease_until=now - timedelta(milliseconds=1))
    assert sweep() == 1
    assert sweep() == 0


def test_a_broker_that_is_away_has_lost_what_waited(monkeypatch: pytest.MonkeyPatch) -> None:
    def away() -> None:
        raise redis.exceptions.ConnectionError("refused")

    monkeypatch.setattr(dispatch.current_app, "connection_or_acquire", away)
    assert dispatch.waiting() == 0


@pytest.mark.requirement("OP-2")
def test_an_operation_of_a_dead_worker_is_rung_for(host: Host) -> None:
    operation = ask(POLISH, host)
    claim(operation.pk)
    past = timezone.now() - timedelta(minutes=1)
    age(operation, rung_at=past)
    assert sweep() == 0  # its lease still runs
    age(operation, lease_until=past)
    assert sweep() == 1


def test_an_operation_handed_back_is_rung_for_when_it_is_due(host: Host) -> None:
    operation = ask(POLISH, host)
    age(operation, not_before=timezone.now() + timedelta(seconds=5))
    assert sweep() == 0
    age(
        operation,
        not_before=timezone.now() - timedelta(milliseconds=1),
        rung_at=timezone.now() - timedelta(seconds=2),
    )
    assert sweep() == 1


@pytest.mark.requirement("OP-4")
def test_an_operation_nobody_ran_until_its_deadline_is_failed_with_a_reason(host: Host) -> None:
    operation = ask(POLISH, host)
    age(operation, deadline=timezone.now() - timedelta(minutes=5))
    sweep()
    operation.refresh_from_db()
    host.refresh_from_db()
    assert operation.status == OperationStatus.FAILED
    assert host.error["code"] == "operation.deadline"


@pytest.mark.requirement("OP-1")
def test_nothing_waits_for_the_clock_to_come_round_again_after_it_was_set_back(host: Host) -> None:
    operation = ask(POLISH, host)
    far = timezone.now() + timedelta(minutes=10)
    age(operation, not_before=far, rung_at=far)
    assert sweep() == 1
    assert claim(operation.pk) is not None
    age(operation, lease_until=far)
    sweep()
    operation.refresh_from_db()
    assert operation.lease_until is not None and operation.lease_until < timezone.now() + LEASE
