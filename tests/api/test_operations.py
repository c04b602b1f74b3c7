"""Following and cancelling operations through the API."""

from __future__ import annotations

from typing import Any

import pytest
from django.utils import timezone

from apps.accounts.models import User
from apps.compute.services.delete import delete_vm
from apps.compute.services.image import import_image
from apps.compute.services.repair import resync_vm
from apps.lifecycle.actor import Actor
from apps.lifecycle.engine import claim, execute
from apps.lifecycle.models import Operation, OperationStatus, Resource, State
from apps.network.models import Subnet
from apps.network.services.nic import set_security_group
from apps.network.services.security_group import set_rules
from tests import factories
from tests.compute.factories import Cloud, ask_for_vms, make_group, make_vm, settled


@pytest.mark.requirement("OP-4")
def test_an_operation_tells_its_steps_progress_and_target(
    owner: Actor, alice: User, cloud: Cloud, subnet: Subnet
) -> None:
    (operation,) = ask_for_vms(owner, cloud, subnet)
    execute(operation.pk)
    body = factories.api_client(alice).get(f"/api/v1/operations/{operation.pk}").json()
    assert (body["status"], body["progress"], body["verb"]) == ("done", 100, "vm.create")
    assert body["target"] == {"kind": "vm", "id": str(operation.target_id), "name": "web"}
    assert body["steps"]


@pytest.mark.requirement("OP-4")
def test_a_queued_operation_is_cancelled_and_a_finished_one_is_not(
    owner: Actor, alice: User, cloud: Cloud, subnet: Subnet
) -> None:
    waiting, other = ask_for_vms(owner, cloud, subnet, count=2)
    client = factories.api_client(alice)
    answer = client.post(f"/api/v1/operations/{waiting.pk}/cancel")
    assert (answer.status_code, answer.json()["status"]) == (200, "cancelled"), answer.content
    execute(other.pk)
    refused = client.post(f"/api/v1/operations/{other.pk}/cancel")
    assert (refused.status_code, refused.json()["code"]) == (409, "state.not_allowed")


@pytest.mark.requirement("AC-1")
def test_a_stranger_does_not_find_it(owner: Actor, bob: User, cloud: Cloud, subnet: Subnet) -> None:
    (operation,) = ask_for_vms(owner, cloud, subnet)
    client = factories.api_client(bob)
    assert client.get(f"/api/v1/operations/{operation.pk}").status_code == 404
    assert client.post(f"/api/v1/operations/{operation.pk}/cancel").status_code == 404
    operation.refresh_from_db()
    assert operation.status == OperationStatus.QUEUED


def test_me_says_who_asks(alice: User, vera: User) -> None:
    mine = factories.api_client(alice).get("/api/v1/me").json()
    assert (mine["username"], mine["tenant"]["name"], mine["is_tenant_owner"]) == ("alice", "acme", True)
    assert factories.api_client(vera, "read").get("/api/v1/me").json()["scope"] == "read"


def fail(operation: Operation, **columns: Any) -> Operation:
    """Have it end as a permanent error of a backend would."""
    error = {"code": "pool.full", "message": "Full.", "verb": operation.verb, "operation": str(operation.pk)}
    Operation.objects.filter(pk=operation.pk).update(
        status=OperationStatus.FAILED, finished_at=timezone.now(), error=error
    )
    Resource.objects.filter(pk=operation.target_id).update(error=error, **columns)
    operation.refresh_from_db()
    return operation


@pytest.mark.requirement("OP-4")
def test_what_failed_is_tried_again_by_the_verb_the_table_names(
    owner: Actor, alice: User, cloud: Cloud, subnet: Subnet
) -> None:
    (creating,) = ask_for_vms(owner, cloud, subnet)
    fail(creating, state=State.ERROR)
    client = factories.api_client(alice)
    answer = client.post(f"/api/v1/operations/{creating.pk}/retry")
    assert answer.status_code == 202, answer.content
    again = answer.json()["operation"]
    assert (again["verb"], again["target"]["id"]) == ("vm.retry", str(creating.target_id))
    assert answer["Location"] == f"/api/v1/operations/{again['id']}"
    vm = settled(Operation.objects.get(pk=again["id"]))
    refused = client.post(f"/api/v1/operations/{creating.pk}/retry")
    assert (refused.status_code, refused.json()["title"]) == (
        409,
        "The resource has changed since.",
    )
    fail(delete_vm(owner, vm))
    deleting = Operation.objects.get(verb="vm.delete")
    assert client.post(f"/api/v1/operations/{deleting.pk}/retry").json()["operation"]["verb"] == "vm.delete"


@pytest.mark.requirement("OP-4")
def test_it_is_tried_again_with_the_values_it_was_asked_for_with(
    owner: Actor, alice: User, cloud: Cloud, subnet: Subnet
) -> None:
    group = make_group(cloud.region, factories.default_project(subnet.tenant))
    vm = make_vm(owner, cloud, subnet)
    binding = fail(set_security_group(owner, vm, security_group=group.pk))
    client = factories.api_client(alice)
    again = client.post(f"/api/v1/operations/{binding.pk}/retry").json()["operation"]
    assert Operation.objects.get(pk=again["id"]).args == binding.args
    rules = fail(set_rules(owner, group, rules=[]))
    again = client.post(f"/api/v1/operations/{rules.pk}/retry").json()["operation"]
    assert again["verb"] == "security_group.retry"


@pytest.mark.requirement("OP-4")
def test_an_administrator_retries_resyncs_and_imports(
    owner: Actor, ada: User, cloud: Cloud, subnet: Subnet
) -> None:
    admin, client = Actor(user=ada), factories.api_client(ada)
    vm = make_vm(owner, cloud, subnet)
    resync = fail(resync_vm(admin, vm, definition=False, power=True))
    again = client.post(f"/api/v1/operations/{resync.pk}/retry").json()["operation"]
    assert (again["verb"], Operation.objects.get(pk=again["id"]).args) == ("vm.resync", resync.args)
    importing = fail(
        import_image(admin, name="Debian", cluster=cloud.storage, file="memory:1"), state=State.ERROR
    )
    first = client.post(f"/api/v1/operations/{importing.pk}/retry").json()["operation"]
    failed = fail(Operation.objects.get(pk=first["id"]), state=State.ERROR)
    second = client.post(f"/api/v1/operations/{failed.pk}/retry").json()["operation"]
    assert Operation.objects.get(pk=second["id"]).args == importing.args


@pytest.mark.requirement("OP-4")
def test_only_what_failed_is_tried_again_and_only_by_who_may(
    owner: Actor, alice: User, vera: User, bob: User, cloud: Cloud, subnet: Subnet
) -> None:
    waiting, done = ask_for_vms(owner, cloud, subnet, count=2)
    execute(done.pk)
    client = factories.api_client(alice)
    for operation in (waiting, done):
        assert client.post(f"/api/v1/operations/{operation.pk}/retry").status_code == 409
    fail(waiting, state=State.ERROR)
    assert factories.api_client(vera).post(f"/api/v1/operations/{waiting.pk}/retry").status_code == 403
    assert factories.api_client(bob).post(f"/api/v1/operations/{waiting.pk}/retry").status_code == 404
    assert client.post(f"/api/v1/operations/{waiting.pk}/retry").status_code == 202


@pytest.mark.requirement("OP-4")
def test_a_running_operation_says_that_it_is_stopping(
    owner: Actor, alice: User, cloud: Cloud, subnet: Subnet
) -> None:
    (operation,) = ask_for_vms(owner, cloud, subnet)
    claim(operation.pk)
    client = factories.api_client(alice)
    answer = client.post(f"/api/v1/operations/{operation.pk}/cancel").json()
    assert (answer["status"], answer["stopping"], answer["cancellable"]) == ("running", True, False)
    assert "Stopping" in factories.page_client(alice).get(f"/operations/{operation.pk}/").content.decode()
