"""IDs are read in either case, wherever they stand, and written in lower case."""

from __future__ import annotations

import pytest

from apps.accounts.models import Project, User
from apps.compute.models import Vm
from apps.lifecycle.actor import Actor
from apps.network.models import Subnet
from tests import factories
from tests.compute.factories import Cloud, make_vm

pytestmark = pytest.mark.requirement("IN-1")


@pytest.fixture
def vm(owner: Actor, cloud: Cloud, subnet: Subnet) -> Vm:
    return make_vm(owner, cloud, subnet)


def upper(value: object) -> str:
    return str(value).upper()


def test_a_path_takes_an_id_in_upper_case(vm: Vm, alice: User) -> None:
    client = factories.api_client(alice)
    shown = client.get(f"/api/v1/vms/{upper(vm.pk)}")
    assert (shown.status_code, shown.json()["id"]) == (200, str(vm.pk))
    stopped = client.post(f"/api/v1/vms/{upper(vm.pk)}/power-off")
    assert (stopped.status_code, stopped.json()["resource"]["id"]) == (202, str(vm.pk))


def test_a_filter_takes_an_id_in_upper_case(vm: Vm, alice: User) -> None:
    found = factories.api_client(alice).get(f"/api/v1/vms?id={upper(vm.pk)}").json()["results"]
    assert [row["id"] for row in found] == [str(vm.pk)]


def test_a_body_takes_an_id_in_upper_case(vm: Vm, alice: User) -> None:
    assert vm.tenant is not None
    other = Project.objects.create(tenant=vm.tenant, name="other")
    moved = factories.api_client(alice).patch(
        f"/api/v1/vms/{vm.pk}", {"project": upper(other.uid)}, format="json"
    )
    assert (moved.status_code, moved.json()["project"]["id"]) == (200, str(other.uid))


def test_a_bulk_request_takes_an_id_in_upper_case_once(vm: Vm, alice: User) -> None:
    body = {"action": "restart", "ids": [upper(vm.pk), str(vm.pk)]}
    done = factories.api_client(alice).post("/api/v1/vms/bulk", body, format="json")
    assert [(item["id"], item["status"]) for item in done.json()["results"]] == [(str(vm.pk), "accepted")]
