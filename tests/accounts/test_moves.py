"""Moving resources between the projects of a tenant."""

from __future__ import annotations

import pytest

from apps.accounts.models import Role, User
from apps.audit.models import AuditEntry
from apps.lifecycle.actor import Actor
from apps.network.models import Subnet
from apps.storage.models import Disk
from tests import factories
from tests.compute.conftest import cloud, owner, subnet, world
from tests.compute.factories import Cloud, make_vm

__all__ = ["cloud", "owner", "subnet", "world"]
pytestmark = pytest.mark.requirement("IN-2")


def test_a_vm_moves_with_its_system_disk(owner: Actor, alice: User, cloud: Cloud, subnet: Subnet) -> None:
    vm = make_vm(owner, cloud, subnet)
    other = factories.make_project(vm.tenant, "other")
    member = factories.make_member(vm.tenant, Role.VIEWER, project=other)
    client = factories.api_client(alice)
    answer = client.patch(f"/api/v1/vms/{vm.pk}", {"project": str(other.uid)}, format="json")
    assert (answer.status_code, answer.json()["project"]) == (200, {"id": str(other.uid), "name": "other"})
    assert Disk.objects.get(vm=vm).project == other
    assert factories.api_client(member).get(f"/api/v1/vms/{vm.pk}").status_code == 200
    assert AuditEntry.objects.filter(verb="vm.rename", args={"project": "other"}).exists()


def test_a_vpc_moves_with_its_subnets_and_a_subnet_not_without_it(
    alice: User, subnet: Subnet, cloud: Cloud
) -> None:
    other = factories.make_project(subnet.tenant, "other")
    client, body = factories.api_client(alice), {"project": str(other.uid)}
    refused = client.patch(f"/api/v1/subnets/{subnet.pk}", body, format="json")
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "project")
    assert client.patch(f"/api/v1/vpcs/{subnet.vpc_id}", body, format="json").status_code == 200
    subnet.refresh_from_db()
    assert subnet.project == other


def test_it_moves_only_where_the_role_reaches_and_within_the_tenant(
    owner: Actor, bob: User, cloud: Cloud, subnet: Subnet
) -> None:
    vm = make_vm(owner, cloud, subnet)
    seen, unseen = factories.make_project(vm.tenant), factories.make_project(vm.tenant)
    member = factories.make_member(vm.tenant, Role.MANAGER)
    factories.grant(member, Role.VIEWER, seen)
    assert bob.tenant is not None
    client, url = factories.api_client(member), f"/api/v1/vms/{vm.pk}"
    for project, status in [(seen, 403), (unseen, 422), (factories.default_project(bob.tenant), 422)]:
        answer = client.patch(url, {"name": "x", "project": str(project.uid)}, format="json")
        assert answer.status_code == status, answer.content
    vm.refresh_from_db()
    assert (vm.name, vm.project) == ("web", factories.default_project(vm.tenant))
