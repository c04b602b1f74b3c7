"""Reinstalling a VM: another system disk, all else as before; until the new disk is there the VM keeps the old one."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from passlib.hash import sha512_crypt

from apps.accounts.models import Tenant, User
from apps.compute.models import Image, Vm
from apps.compute.models.reinstallation import Reinstallation
from apps.compute.services.delete import delete_vm
from apps.compute.services.power import power_off_vm, start_vm
from apps.compute.services.reinstall import reinstall_vm
from apps.drivers.errors import DriverError
from apps.drivers.memory.records import MemoryVm, vms_of
from apps.infrastructure.models import StorageCluster
from apps.lifecycle.actor import Actor
from apps.lifecycle.cancellation import cancel
from apps.lifecycle.engine import execute
from apps.lifecycle.errors import Busy, InUse, Invalid, NotNow, QuotaExceeded, Refused
from apps.lifecycle.models import Operation, OperationStatus, State
from apps.lifecycle.retry import why_not_retry
from apps.network.models import Subnet
from apps.quotas.models import Quota
from apps.quotas.recount import recount
from apps.storage.models import Disk
from apps.storage.selectors import visible_disks
from apps.storage.services.snapshot import create_snapshot
from apps.storage.standby import discard_left
from tests import factories
from tests.compute.factories import Cloud, make_image, make_vm, settled
from tests.security.test_secrets import _everything_stored
from tests.storage.factories import done, make_attached, volumes

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("VM-5")]

PASSWORD, USER_DATA = "Zebra-crossing-4711", "#!/bin/sh\n# a-token-of-the-tenant-4711\n"
REFUSED = DriverError("Refused.", code="tried.refused", permanent=True, hint="Look.")


@pytest.fixture
def other(cloud: Cloud) -> Image:
    return make_image(cloud.storage, "Other", os_name="Other 2")


@pytest.fixture
def vm(cloud: Cloud, subnet: Subnet, owner: Actor) -> Vm:
    """Stopped, with the first-boot data it was created with."""
    made = make_vm(owner, cloud, subnet, password="Before-12345", user_data="#!/bin/sh\ntrue\n")
    return settled(power_off_vm(owner, made))


def on_host(cloud: Cloud, vm: Vm) -> MemoryVm:
    assert vm.host is not None
    with cloud.world.records() as state:
        found = state.get(vms_of(vm.host.name), str(vm.pk))
    assert found is not None
    return found


def carry_out_all() -> None:
    """Carry out what is open, as workers do."""
    for operation in Operation.objects.open().order_by("sequence"):
        execute(operation.pk)


def ended(operation: Operation, status: OperationStatus) -> Operation:
    execute(operation.pk)
    operation.refresh_from_db()
    assert operation.status == status, (operation.status, operation.error, operation.steps)
    return operation


def system_disk(vm: Vm) -> Disk:
    return Disk.objects.get(vm=vm, role=Disk.Role.SYSTEM)


def counts(tenant: Tenant) -> tuple[int, int]:
    """Return disks and GiB that count, once they agree with what exists."""
    assert [each for each in recount(tenant) if "disk" in each.metric] == []
    return used(tenant, "disk"), used(tenant, "disk_gib")


def used(tenant: Tenant, metric: str) -> int:
    return Quota.objects.get(tenant=tenant, metric=metric).used


def space(cloud: Cloud) -> int:
    return StorageCluster.objects.get(pk=cloud.storage.pk).provisioned_gib


def test_it_gets_a_new_system_disk_and_keeps_all_else(
    cloud: Cloud, vm: Vm, owner: Actor, other: Image, tenant_a: Tenant
) -> None:
    data, old = make_attached(owner, cloud, vm), system_disk(vm)
    mac, address = vm.nics.get(role="internal").mac, vm.nics.get(role="internal").ip
    before = counts(tenant_a)
    operation = reinstall_vm(owner, vm, image=other.pk, password=PASSWORD, user_data=USER_DATA)
    assert not any(secret in _everything_stored() for secret in (PASSWORD, "a-token-of-the-tenant"))
    assert counts(tenant_a) == before
    vm = settled(operation)
    new = system_disk(vm)
    assert new.pk != old.pk and (new.image_id, new.size_gib, new.state) == (
        other.pk,
        old.size_gib,
        State.READY,
    )
    assert (vm.image_id, vm.name, vm.hostname, vm.is_on) == (other.pk, "web", "web", False)
    assert (vm.nics.get(role="internal").mac, vm.nics.get(role="internal").ip) == (mac, address)
    assert [disk.pk for disk in vm.data_disks] == [data.pk]
    assert not Reinstallation.objects.exists()

    carry_out_all()
    assert not Disk.objects.filter(pk=old.pk).exists() and volumes().keys() == {str(new.pk), str(data.pk)}
    assert counts(tenant_a) == before
    settled(start_vm(owner, vm))
    spec = on_host(cloud, vm).spec
    assert [disk.volume.id for disk in spec.disks] == [str(new.pk), str(data.pk)]
    assert sha512_crypt.verify(PASSWORD, spec.seed.password_hash) and spec.seed.user_data == USER_DATA


def test_what_the_guest_read_at_its_first_boot_is_read_again(
    cloud: Cloud, vm: Vm, owner: Actor, other: Image
) -> None:
    Vm.objects.filter(pk=vm.pk).update(
        first_boot_done_at=vm.created_at, sealed_password_hash="", ssh_keys=["old"]
    )
    vm = settled(reinstall_vm(owner, vm, image=other.pk, password=PASSWORD))
    assert (vm.first_boot_done_at, vm.ssh_keys, vm.key_pairs) == (None, [], [])
    assert on_host(cloud, vm).spec.seed.is_secret


@pytest.mark.parametrize(("size", "grows"), [(60, 20), (20, -20)])
def test_only_the_difference_counts_and_is_given_back(
    cloud: Cloud, vm: Vm, owner: Actor, other: Image, tenant_a: Tenant, size: int, grows: int
) -> None:
    disks, gib = counts(tenant_a)
    reserved = space(cloud)
    operation = reinstall_vm(owner, vm, image=other.pk, disk_gib=size)
    assert counts(tenant_a) == (disks, gib + max(grows, 0))
    assert space(cloud) == reserved + size  # both are there for a moment
    settled(operation)
    assert counts(tenant_a) == (disks, gib + grows)
    carry_out_all()
    assert (counts(tenant_a), space(cloud)) == ((disks, gib + grows), reserved + grows)


def test_at_the_limit_of_the_quota_the_same_size_is_possible_and_more_is_not(
    vm: Vm, owner: Actor, other: Image, tenant_a: Tenant
) -> None:
    Quota.objects.filter(tenant=tenant_a, metric__in=["disk", "disk_gib"]).update(limit=0)
    with pytest.raises(QuotaExceeded):
        reinstall_vm(owner, vm, image=other.pk, disk_gib=41)
    settled(reinstall_vm(owner, vm, image=other.pk))


@pytest.mark.parametrize("call", ["volumes.ensure_volume", "hypervisor.ensure_vm"])
def test_when_it_fails_the_vm_keeps_its_disk_and_starts(
    cloud: Cloud, vm: Vm, owner: Actor, other: Image, tenant_a: Tenant, call: str
) -> None:
    old, before, reserved = system_disk(vm), counts(tenant_a), space(cloud)
    operation = reinstall_vm(owner, vm, image=other.pk, disk_gib=60, password=PASSWORD)
    cloud.world.fail(call, REFUSED)
    ended(operation, OperationStatus.FAILED)
    assert why_not_retry(operation) == "Submit the request again on the resource’s page."
    assert (system_disk(vm).pk, counts(tenant_a)) == (old.pk, before)
    assert not Reinstallation.objects.exists()
    carry_out_all()
    assert (volumes().keys(), space(cloud)) == ({str(old.pk)}, reserved)
    vm = settled(start_vm(owner, vm))
    assert vm.image_id == cloud.image.pk
    assert [disk.volume.id for disk in on_host(cloud, vm).spec.disks] == [str(old.pk)]


def test_a_cancelled_one_leaves_nothing(
    cloud: Cloud, vm: Vm, owner: Actor, other: Image, tenant_a: Tenant
) -> None:
    old, before, reserved = system_disk(vm), counts(tenant_a), space(cloud)
    assert cancel(owner, reinstall_vm(owner, vm, image=other.pk, disk_gib=60))
    carry_out_all()
    assert (volumes().keys(), counts(tenant_a), space(cloud)) == ({str(old.pk)}, before, reserved)


def test_deleting_the_vm_pushes_it_aside_and_the_new_disk_goes_too(
    cloud: Cloud, vm: Vm, owner: Actor, other: Image, tenant_a: Tenant
) -> None:
    reinstall_vm(owner, vm, image=other.pk)
    execute(delete_vm(owner, vm).pk)
    assert discard_left() == 1
    carry_out_all()
    assert (Disk.objects.count(), volumes(), counts(tenant_a), space(cloud)) == (0, {}, (0, 0), 0)


def test_the_disk_that_no_vm_has_is_shown_to_administrators_only(
    vm: Vm, owner: Actor, other: Image, ada: User
) -> None:
    reinstall_vm(owner, vm, image=other.pk)
    assert visible_disks(owner).count() == 1
    assert visible_disks(factories.actor_for_user(ada)).count() == 2


def test_an_old_disk_that_could_not_be_deleted_is_deleted_later(
    cloud: Cloud, vm: Vm, owner: Actor, other: Image
) -> None:
    old = system_disk(vm)
    settled(reinstall_vm(owner, vm, image=other.pk))
    cloud.world.fail("volumes.ensure_volume_absent", REFUSED)
    carry_out_all()
    assert discard_left() == 0  # a moment ago it failed
    Operation.objects.filter(target_id=old.pk).update(finished_at=vm.created_at.replace(year=2020))
    assert discard_left() == 1
    carry_out_all()
    assert str(old.pk) not in volumes()


def test_snapshots_of_the_old_disk_are_kept_unless_their_deletion_is_asked_for(
    vm: Vm, owner: Actor, other: Image, tenant_a: Tenant
) -> None:
    done(create_snapshot(owner, disk=system_disk(vm).pk, name="before"))
    with pytest.raises(InUse, match="before") as refused:
        reinstall_vm(owner, vm, image=other.pk)
    assert "delete them as well" in refused.value.hint
    settled(reinstall_vm(owner, vm, image=other.pk, delete_snapshots=True))
    carry_out_all()
    assert used(tenant_a, "snapshot") == 0


def test_what_cannot_be_is_refused_with_the_reason(cloud: Cloud, vm: Vm, owner: Actor, other: Image) -> None:
    Image.objects.filter(pk=other.pk).update(os_family="windows")
    with pytest.raises(Refused, match="is for Windows, but VM web is a Linux VM") as refused:
        reinstall_vm(owner, vm, image=other.pk)
    assert refused.value.code == "image.os_family"
    Image.objects.filter(pk=other.pk).update(os_family="linux", architecture="aarch64")
    with pytest.raises(Refused) as refused:
        reinstall_vm(owner, vm, image=other.pk)
    assert refused.value.code == "image.architecture"
    Image.objects.filter(pk=other.pk).update(architecture="x86_64", min_disk_gib=50, cloud_init=False)
    with pytest.raises(Invalid) as wrong:
        reinstall_vm(owner, vm, image=other.pk, disk_gib=49, password="short")
    assert wrong.value.fields.keys() == {"disk_gib", "password"}


def test_a_running_vm_is_told_to_stop_first(vm: Vm, owner: Actor, other: Image) -> None:
    vm = settled(start_vm(owner, vm))
    with pytest.raises(NotNow, match="Stop the VM first"):
        reinstall_vm(owner, vm, image=other.pk)


def test_it_waits_for_nothing_that_holds_the_disk(vm: Vm, owner: Actor, other: Image) -> None:
    create_snapshot(owner, disk=system_disk(vm).pk, name="before")
    with pytest.raises(Busy):
        reinstall_vm(owner, vm, image=other.pk, delete_snapshots=True)


def test_the_dialog_says_what_goes_and_wants_the_name(
    client: Client, alice: User, vm: Vm, other: Image
) -> None:
    client.force_login(alice)
    path = f"/vms/{vm.pk}/reinstall/"
    said: dict[str, Any] = {"image": str(other.pk), "password": PASSWORD}
    assert "All data on the system disk is lost" in client.get(path).content.decode()
    assert client.post(path, said).status_code == 422
    assert client.post(path, {**said, "typed_name": "web"}).status_code == 302
    assert Operation.objects.get(target_id=vm.pk, verb="vm.reinstall").args["image"] == "Other"
