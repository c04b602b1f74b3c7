"""Following and cancelling operations through the API."""

from __future__ import annotations

import pytest

from apps.lifecycle.actor import Actor
from apps.lifecycle.engine import execute
from apps.lifecycle.models import OperationStatus
from apps.network.models import Subnet
from apps.tenancy.models import User
from tests import factories
from tests.compute.factories import Cloud, ask_for_vms


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
