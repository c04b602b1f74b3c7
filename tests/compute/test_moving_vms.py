"""A VM moves to another project: what goes with it, what stays, and that the dialog says so before."""

from __future__ import annotations

import pytest
from django.test import Client

from apps.accounts.models import Tenant, User
from apps.compute.models import Vm
from apps.lifecycle.actor import Actor
from apps.network.models import Subnet
from apps.storage.models import Disk
from tests import factories
from tests.compute.factories import Cloud, make_vm
from tests.storage.factories import make_attached, make_snapshot

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("VM-8")]


@pytest.fixture
def vm(cloud: Cloud, subnet: Subnet, owner: Actor) -> Vm:
    return make_vm(owner, cloud, subnet)


def dialog(client: Client, vm: Vm) -> str:
    return client.get(f"/vms/{vm.pk}/rename/", HTTP_HX_REQUEST="true").content.decode()


def test_it_moves_with_its_system_disk_and_its_data_disks_stay(
    client: Client, alice: User, vm: Vm, cloud: Cloud, owner: Actor, tenant_a: Tenant
) -> None:
    client.force_login(alice)
    data, system = make_attached(owner, cloud, vm), Disk.objects.get(vm=vm, role="system")
    snapshot = make_snapshot(owner, system)
    other = factories.make_project(tenant_a, "other")
    shown = dialog(client, vm)
    assert "the snapshots of that disk" in shown
    assert f"Data disks and elastic NICs keep their project: {data.name}." in shown
    answer = client.post(f"/vms/{vm.pk}/rename/", {"name": "moved", "description": "", "project": other.uid})
    assert answer.status_code == 302
    for row in (vm, system, snapshot, data):
        row.refresh_from_db()
    assert (vm.name, vm.project, system.project, snapshot.project) == ("moved", other, other, other)
    assert data.project != other


def test_with_one_project_there_is_nothing_to_choose(client: Client, alice: User, vm: Vm) -> None:
    client.force_login(alice)
    shown = dialog(client, vm)
    assert 'name="project"' not in shown and "keep their project" not in shown


def test_renaming_alone_moves_nothing(client: Client, alice: User, vm: Vm, tenant_a: Tenant) -> None:
    client.force_login(alice)
    factories.make_project(tenant_a, "other")
    before = vm.project
    client.post(
        f"/vms/{vm.pk}/rename/", {"name": "renamed", "description": "", "project": before and before.uid}
    )
    vm.refresh_from_db()
    assert (vm.name, vm.project) == ("renamed", before)
