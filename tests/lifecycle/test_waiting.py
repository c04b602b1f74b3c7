"""Handlers that wait for something that takes long leave threads for everybody else's operations."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.utils import timezone

from apps.drivers.errors import DriverError
from apps.infrastructure.models import Host
from apps.lifecycle import operation_context
from apps.lifecycle.engine import execute
from apps.lifecycle.models import Operation, OperationStatus
from apps.lifecycle.operation_context import LATER, MOST_WAITING, OperationContext
from tests.lifecycle.conftest import POLISH, Script, ask

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("OP-2"), pytest.mark.requirement("OP-4")]


@pytest.fixture
def others_wait() -> Iterator[None]:
    """As many handlers wait in their threads as may."""
    for _ in range(MOST_WAITING):
        assert operation_context.waiting_places.acquire(blocking=False)
    yield
    for _ in range(MOST_WAITING):
        operation_context.waiting_places.release()


def waits_for(reached: list[bool], within: timedelta = timedelta(minutes=1)) -> Script:
    def waits(run: OperationContext) -> None:
        run.step("Waiting for paint", 30)
        run.wait_until(
            lambda: reached[0], within=within, error=DriverError("no paint", code="a.b", permanent=True)
        )
        run.step("Painting", 60)

    return Script(waits)


def look(operation: Operation) -> Operation:
    """Run it as if it were due; return it as it is then."""
    Operation.objects.filter(pk=operation.pk).update(not_before=timezone.now())
    execute(operation.pk)
    operation.refresh_from_db()
    return operation


def test_one_wait_too_many_is_handed_back_and_goes_on_later(
    host: Host, script: Script, others_wait: None
) -> None:
    reached = [False]
    script.does = waits_for(reached).does
    operation = ask(POLISH, host)
    for _ in range(3):
        assert look(operation).status == OperationStatus.QUEUED
    assert operation.error == {}
    assert operation.progress == 30
    assert operation.not_before > timezone.now()
    reached[0] = True
    assert look(operation).status == OperationStatus.DONE
    assert [step["text"] for step in operation.steps] == ["Waiting for paint", "Painting"]
    assert not any(step.get("failed") for step in operation.steps)


def test_patience_counts_over_all_attempts(host: Host, script: Script, others_wait: None) -> None:
    script.does = waits_for([False], within=2 * LATER).does
    operation = ask(POLISH, host)
    looks = 1
    while look(operation).is_open:
        looks += 1
        assert looks < 9, "it waits for ever"
    assert looks == 4
    assert operation.error["code"] == "a.b"


def test_who_waits_in_its_thread_gives_the_place_back(host: Host, script: Script) -> None:
    looks: list[int] = []

    def soon(run: OperationContext) -> None:
        run.step("Waiting for paint")
        run.wait_until(
            lambda: looks.append(1) or len(looks) > 2,  # type: ignore[func-returns-value]
            within=timedelta(seconds=5),
            error=DriverError("no paint"),
            every=0.01,
        )

    script.does = soon
    assert look(ask(POLISH, host)).status == OperationStatus.DONE
    for _ in range(MOST_WAITING):
        assert operation_context.waiting_places.acquire(blocking=False)
    for _ in range(MOST_WAITING):
        operation_context.waiting_places.release()
