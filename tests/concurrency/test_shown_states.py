"""A row is shown as it was at one moment: an operation that ends between two reads never shows what never was."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from django.db.models.functions import Now
from django.utils import timezone

from apps.accounts.models import Tenant, User
from apps.compute.models import Power, Vm
from apps.compute.services.power import power_off_vm, start_vm
from apps.drivers.memory import World
from apps.infrastructure import backends
from apps.infrastructure.models import Host
from apps.lifecycle.engine import claim
from apps.lifecycle.models import Operation, OperationStatus
from tests import factories
from tests.compute.factories import make_cloud, make_vm, settled
from tests.no_lease_renewal import no_lease_renewal

__all__ = ["no_lease_renewal"]
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.requirement("OP-1")]


@pytest.fixture
def starting(
    monkeypatch: pytest.MonkeyPatch, transactional_db: None, alice: User, tenant_a: Tenant
) -> Operation:
    """A VM's start that a worker is at."""
    world = World()
    monkeypatch.setattr(backends, "_process_world", world)
    cloud = make_cloud(world)
    Host.objects.update(last_report_at=timezone.now() + timedelta(hours=1))
    owner = factories.actor_for_user(alice)
    vm = make_vm(owner, cloud, cloud.network(tenant_a))
    operation = start_vm(owner, settled(power_off_vm(owner, vm)))
    assert claim(operation.pk)
    return operation


def finish(operation: Operation) -> None:
    """Do what the finishing transaction of a start does, in a connection of its own."""

    def commit() -> None:
        with transaction.atomic():
            Operation.objects.filter(pk=operation.pk).update(
                status=OperationStatus.DONE, finished_at=Now(), lease_until=None
            )
            Vm.objects.filter(pk=operation.target_id).update(power_seen=Power.ON)
        connection.close()

    thread = threading.Thread(target=commit)
    thread.start()
    thread.join()


def begin_again(operation: Operation) -> None:
    Operation.objects.filter(pk=operation.pk).update(status=OperationStatus.RUNNING, finished_at=None)
    Vm.objects.filter(pk=operation.target_id).update(power_seen=Power.OFF)


class AfterQuery:
    """Has the operation finish once so many statements have been answered."""

    def __init__(self, operation: Operation, number: int) -> None:
        self.operation, self.left = operation, number

    def __call__(self, execute: Callable[..., Any], *statement: Any) -> Any:
        answer = execute(*statement)
        self.left -= 1
        if self.left == 0:
            finish(self.operation)
        return answer


def shown_when_finished_after(operation: Operation, get: Callable[[], Any]) -> list[Any]:
    """Ask once for each statement that the answer takes, the operation finishing after that one."""
    get()  # what is cached is cached
    answers: list[Any] = []
    while True:
        begin_again(operation)
        moment = AfterQuery(operation, len(answers) + 1)
        with connection.execute_wrapper(moment):
            answer = get()
        if moment.left > 0:
            return answers
        answers.append(answer)


def state(vm: dict[str, Any]) -> tuple[str, bool]:
    """Return the word of a VM and whether a start is allowed."""
    (start,) = (action for action in vm["allowed_actions"] if action["action"] == "start")
    return vm["word"], start["allowed"]


@pytest.mark.parametrize("path", ["/api/v1/vms/{pk}", "/api/v1/vms"])
def test_the_api_shows_a_vm_starting_or_running_and_nothing_between(
    starting: Operation, alice: User, path: str
) -> None:
    client, url = factories.api_client(alice), path.format(pk=starting.target_id)

    def get() -> tuple[str, bool]:
        body = client.get(url).json()
        return state(body["results"][0] if "results" in body else body)

    seen = shown_when_finished_after(starting, get)
    assert set(seen) == {("Starting", False), ("Running", False)}


@pytest.mark.parametrize(
    ("path", "headers"),
    [
        ("/vms/{pk}/", {}),
        ("/vms/", {}),
        ("/vms/", {"HX-Request": "true"}),
        ("/vms/{pk}/", {"HX-Request": "true"}),
        ("/search/?q=web", {}),
    ],
)
def test_pages_and_their_parts_show_a_vm_starting_or_running_and_nothing_between(
    starting: Operation, alice: User, path: str, headers: dict[str, str]
) -> None:
    client, url = factories.page_client(alice), path.format(pk=starting.target_id)

    def get() -> str:
        answer = client.get(url, headers=headers)
        assert answer.status_code == 200, answer
        words = re.sub(r"<fieldset.*?</fieldset>", "", answer.content.decode(), flags=re.DOTALL)
        return next((word for word in ("Stopped<", "Starting<", "Running<") if word in words), words)

    seen = shown_when_finished_after(starting, get)
    assert seen and set(seen) <= {"Starting<", "Running<"}, seen
