"""Expanding and limiting disks: volume, guest, row, quota and space agree, whatever fails on the way."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from django.db import transaction
from django.utils import timezone

from apps.accounts.models import Tenant
from apps.compute.models import Vm
from apps.compute.operations import disk as operations
from apps.compute.services.delete import delete_vm
from apps.compute.services.disk_attachment import attach_disk, detach_disk
from apps.compute.services.power import power_off_vm
from apps.drivers.errors import DriverError
from apps.drivers.memory import World
from apps.drivers.memory.records import VOLUMES
from apps.drivers.specs import AttachedDisk, VmDisks
from apps.infrastructure import backends
from apps.infrastructure.models import StorageCluster
from apps.lifecycle.actor import Actor
from apps.lifecycle.cancellation import cancel
from apps.lifecycle.errors import Invalid, NoCapacity, QuotaExceeded, Refused
from apps.lifecycle.models import Operation, OperationStatus
from apps.lifecycle.verbs import abandon
from apps.network.models import Subnet
from apps.quotas.models import Quota
from apps.quotas.recount import recount
from apps.storage.limits import disk_limits
from apps.storage.models import Disk
from apps.storage.services.disk import expand_disk, set_disk_limits
from apps.storage.unsettled import settle_sizes
from tests.compute.factories import Cloud, make_vm
from tests.reconciliation.drift import later, look_twice
from tests.storage.factories import (
    done,
    failed,
    guest,
    make_attached,
    make_disk,
    run,
    used,
    volumes,
)

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("EV-4")]

LOST = DriverError("Lost.", code="host.unreachable")


@pytest.fixture
def vm(owner: Actor, cloud: Cloud, subnet: Subnet) -> Vm:
    return make_vm(owner, cloud, subnet)


@pytest.fixture
def disk(owner: Actor, cloud: Cloud, vm: Vm) -> Disk:
    """Attached to a running VM."""
    return make_attached(owner, cloud, vm)


def seen_by_guest(vm: Vm, disk: Disk) -> int:
    return next(each.volume.size_gib for each in guest(vm).live if each.volume.id == str(disk.pk))


def settle() -> None:
    """Let beat find out how large the volumes are, after a while."""
    later()
    settle_sizes()


def agree(disk: Disk, size_gib: int, tenant: Tenant) -> None:
    """See that row, volume, quota and space all say the same."""
    disk.refresh_from_db()
    assert (disk.size_gib, disk.size_before_gib, volumes()[str(disk.pk)]) == (size_gib, None, size_gib)
    assert [each for each in recount(tenant) if "disk" in each.metric] == []
    cluster = StorageCluster.objects.get(pk=disk.cluster_id)
    assert cluster.provisioned_gib == sum(Disk.objects.values_list("size_gib", flat=True))
    assert (disk.iops, disk.bytes_per_second) == disk_limits(cluster, size_gib)


def test_the_guest_sees_the_new_size_without_a_restart(
    owner: Actor, vm: Vm, disk: Disk, tenant_a: Tenant
) -> None:
    done(expand_disk(owner, disk, size_gib=25))
    agree(disk, 25, tenant_a)
    assert seen_by_guest(vm, disk) == 25
    limits = next(each for each in guest(vm).live if each.volume.id == str(disk.pk))
    assert (limits.iops, limits.bytes_per_second) == (disk.iops, disk.bytes_per_second)


def test_a_stopped_vms_disk_and_a_detached_one_grow_too(
    owner: Actor, cloud: Cloud, vm: Vm, disk: Disk, tenant_a: Tenant
) -> None:
    done(power_off_vm(owner, vm))
    for each in (disk, make_disk(owner, cloud), vm.disks.get(role="system")):
        done(expand_disk(owner, each, size_gib=50))
        agree(each, 50, tenant_a)


@pytest.mark.parametrize(
    ("size_gib", "says"), [(9, "cannot shrink"), (10, "already has 10"), (32_001, "32000 GiB")]
)
def test_other_sizes_are_refused_at_the_field(owner: Actor, disk: Disk, size_gib: int, says: str) -> None:
    with pytest.raises(Invalid, match=says) as refused:
        expand_disk(owner, disk, size_gib=size_gib)
    assert refused.value.field == "size_gib"


def test_quota_and_space_are_asked_for_the_difference(owner: Actor, disk: Disk, tenant_a: Tenant) -> None:
    before = used(disk)
    Quota.objects.filter(tenant=tenant_a, metric="disk_gib").update(limit=before + 4)
    with pytest.raises(QuotaExceeded, match="5 more requested"):
        expand_disk(owner, disk, size_gib=15)
    Quota.objects.filter(tenant=tenant_a, metric="disk_gib").update(limit=1_000)
    StorageCluster.objects.update(capacity_bytes=before << 30, overcommit=100)
    with pytest.raises(NoCapacity):
        expand_disk(owner, disk, size_gib=15)
    agree(disk, 10, tenant_a)
    assert used(disk) == before


def test_an_expand_that_can_never_be_done_ends_and_gives_size_and_quota_back(
    owner: Actor, world: World, disk: Disk, tenant_a: Tenant
) -> None:
    world.fail("hypervisor.ensure_disks", DriverError("No.", code="tried.refused", permanent=True))
    operation = expand_disk(owner, disk, size_gib=99)
    disk.refresh_from_db()
    assert (disk.size_gib, disk.size_before_gib) == (99, 10)
    failed(operation)
    agree(disk, 10, tenant_a)
    done(expand_disk(owner, disk, size_gib=11))
    agree(disk, 11, tenant_a)


def test_a_cancelled_expand_gives_size_and_quota_back(owner: Actor, disk: Disk, tenant_a: Tenant) -> None:
    operation = expand_disk(owner, disk, size_gib=99)
    assert cancel(owner, operation)
    agree(disk, 10, tenant_a)


def test_an_expand_that_the_vms_deletion_pushes_aside_gives_size_and_quota_back(
    owner: Actor, vm: Vm, disk: Disk, tenant_a: Tenant
) -> None:
    expand_disk(owner, disk, size_gib=99)
    done(delete_vm(owner, vm))
    agree(disk, 10, tenant_a)
    assert disk.vm is None


@pytest.mark.parametrize("is_running", [True, False])
@pytest.mark.parametrize("push", [power_off_vm, delete_vm], ids=["power off", "delete"])
def test_what_has_grown_when_the_expand_is_pushed_aside_is_still_counted(
    owner: Actor, vm: Vm, disk: Disk, world: World, tenant_a: Tenant, is_running: bool, push: Any
) -> None:
    """Else a tenant would get space by pressing "Power off" at the right moment."""
    if not is_running:
        done(power_off_vm(owner, vm))
        push = delete_vm
    grown = "hypervisor.ensure_disks" if is_running else "volumes.ensure_volume"
    pushed: list[Operation] = []

    def aside(verb: str, moment: str) -> None:
        if (verb, moment) == (grown, "after"):
            world.on_call = None
            pushed.append(push(owner, vm))

    operation = expand_disk(owner, disk, size_gib=40)
    world.on_call = aside
    assert run(operation).status == OperationStatus.CANCELLED
    done(*pushed)
    settle()
    agree(disk, 40, tenant_a)


@pytest.mark.parametrize("is_attached", [True, False], ids=["attached", "detached"])
def test_an_expand_pushed_aside_before_the_volume_grew_gives_size_and_quota_back(
    owner: Actor, cloud: Cloud, vm: Vm, disk: Disk, world: World, tenant_a: Tenant, is_attached: bool
) -> None:
    """A worker has started, and its first call did not arrive: the volume may have grown, or not."""
    if not is_attached:
        done(detach_disk(owner, disk))
    world.fail("hypervisor.ensure_disks" if is_attached else "volumes.ensure_volume", LOST, times=1)
    operation = expand_disk(owner, disk, size_gib=40)
    assert run(operation).status == OperationStatus.QUEUED
    push_aside(owner, vm, disk)
    disk.refresh_from_db()
    assert (disk.size_gib, disk.size_before_gib, used(disk) >= 40) == (40, 10, True), "counted until known"
    settle_sizes()
    disk.refresh_from_db()
    assert disk.size_before_gib == 10, "An order that is on its way may still arrive."
    look_twice()
    assert not Operation.objects.open().exists(), "Nobody grows it meanwhile."
    settle()
    agree(disk, 10, tenant_a)


def test_a_disk_whose_size_is_not_known_yet_is_expanded_by_the_same_request(
    owner: Actor, vm: Vm, disk: Disk, world: World, tenant_a: Tenant
) -> None:
    world.fail("hypervisor.ensure_disks", LOST, times=1)
    run(expand_disk(owner, disk, size_gib=40))
    push_aside(owner, vm, disk)
    again = expand_disk(owner, disk, size_gib=40)
    assert cancel(owner, again)
    disk.refresh_from_db()
    assert (disk.size_gib, disk.size_before_gib) == (40, 10), "The first may have grown it."
    done(expand_disk(owner, disk, size_gib=50))
    agree(disk, 50, tenant_a)


def push_aside(owner: Actor, vm: Vm, disk: Disk) -> None:
    """Stop the VM, which pushes aside what is done with its disks; of a detached one, as if it had been."""
    if Disk.objects.filter(pk=disk.pk, vm=vm).exists():
        done(power_off_vm(owner, vm))
        return
    (operation,) = Operation.objects.open()
    with transaction.atomic():
        Operation.objects.filter(pk=operation.pk).update(
            status=OperationStatus.CANCELLED, finished_at=timezone.now()
        )
        abandon(operation)


@pytest.mark.requirement("EV-7", "CL-4")
@pytest.mark.parametrize(
    ("columns", "says"),
    [({"open_to_all": False}, "no access"), ({"accepts_disks": False}, "closed to new disks")],
)
def test_a_disk_gets_no_larger_where_its_tenant_gets_no_space_and_works_on(
    owner: Actor, vm: Vm, disk: Disk, tenant_a: Tenant, columns: dict[str, Any], says: str
) -> None:
    StorageCluster.objects.update(**columns)
    with pytest.raises(Refused, match=says) as refused:
        expand_disk(owner, disk, size_gib=20)
    assert refused.value.field == "size_gib"
    done(set_disk_limits(owner, disk, iops=100))
    done(detach_disk(owner, disk))
    done(attach_disk(owner, disk, vm=vm.pk))
    disk.refresh_from_db()
    assert (disk.vm_id, disk.size_gib, disk.iops) == (vm.pk, 10, 100)


def test_what_has_grown_when_the_rest_fails_for_good_is_still_counted(
    owner: Actor, disk: Disk, world: World, tenant_a: Tenant
) -> None:
    def fail(verb: str, moment: str) -> None:
        if (verb, moment) == ("hypervisor.ensure_disks", "after"):
            world.on_call = None
            raise DriverError("No.", code="tried.refused", permanent=True)

    world.on_call = fail
    failed(expand_disk(owner, disk, size_gib=40))
    settle()
    agree(disk, 40, tenant_a)


def test_an_expand_that_has_begun_is_not_cancelled(owner: Actor, disk: Disk, world: World) -> None:
    cancelled: list[bool] = []

    def press(verb: str, moment: str) -> None:
        if (verb, moment) == ("hypervisor.ensure_disks", "before"):
            world.on_call = None
            cancelled.append(cancel(owner, Operation.objects.get(verb="disk.expand")))

    operation = expand_disk(owner, disk, size_gib=40)
    world.on_call = press
    done(operation)
    assert cancelled == [False]


def test_what_storage_has_grown_and_the_guest_has_not_heard_of_is_finished_by_a_further_try(
    owner: Actor, vm: Vm, disk: Disk, world: World, tenant_a: Tenant
) -> None:
    """The volume has its new size already, so comparing sizes alone would never tell the guest."""

    def unheard(verb: str, moment: str) -> None:
        if (verb, moment) == ("hypervisor.ensure_disks", "before"):
            world.on_call = None
            with world.records() as state:
                known = state.get(VOLUMES, str(disk.pk))
                assert known is not None
                state.put(VOLUMES, str(disk.pk), replace(known, size_gib=40))
            raise DriverError("Lost.", code="host.unreachable")

    world.on_call = unheard
    operation = expand_disk(owner, disk, size_gib=40)
    run(operation)
    assert (volumes()[str(disk.pk)], seen_by_guest(vm, disk)) == (40, 10)
    Operation.objects.update(not_before=operation.created_at)
    done(operation)
    assert seen_by_guest(vm, disk) == 40
    agree(disk, 40, tenant_a)


def test_an_expand_is_not_done_before_the_guest_sees_the_new_size(
    owner: Actor, disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    still = VmDisks(running=(AttachedDisk(str(disk.pk), 10 << 30),), stored=(str(disk.pk),))
    monkeypatch.setattr(operations, "_told", lambda run, disk: still)
    ended = run(expand_disk(owner, disk, size_gib=20))
    assert (ended.status, ended.error["code"]) == (OperationStatus.QUEUED, "disk.not_grown")


def test_the_volume_of_a_stopped_vm_that_has_grown_keeps_its_size_when_the_rest_fails(
    owner: Actor, cloud: Cloud, tenant_a: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = make_disk(owner, cloud)

    def refuse(disk: Disk) -> None:
        raise DriverError("No.", code="tried.refused", permanent=True)

    monkeypatch.setattr(operations, "_forget_old_size", refuse)
    operation = expand_disk(owner, disk, size_gib=30)
    assert failed(operation)["code"] == "tried.refused"
    monkeypatch.undo()
    monkeypatch.setattr(backends, "_process_world", cloud.world)
    done(expand_disk(owner, disk, size_gib=30))
    agree(disk, 30, tenant_a)


# -- limits (EV-6) ---------------------------------------------------------------------------------------------------


@pytest.mark.requirement("EV-6")
def test_limits_are_set_at_once_for_this_disk_alone_and_follow_the_rule_again(
    owner: Actor, cloud: Cloud, vm: Vm, disk: Disk
) -> None:
    neighbour = make_attached(owner, cloud, vm)
    done(set_disk_limits(owner, disk, iops=100, bytes_per_second=5 << 20))

    def limits() -> dict[str, tuple[int, int]]:
        return {each.volume.id: (each.iops, each.bytes_per_second) for each in guest(vm).live}

    stored = {each.volume.id: (each.iops, each.bytes_per_second) for each in guest(vm).spec.disks}
    assert limits() == stored
    assert limits()[str(disk.pk)] == (100, 5 << 20)
    assert limits()[str(neighbour.pk)] == disk_limits(cloud.storage, 10)
    done(expand_disk(owner, disk, size_gib=20))
    assert limits()[str(disk.pk)] == (100, 5 << 20)
    done(set_disk_limits(owner, disk))
    assert limits()[str(disk.pk)] == disk_limits(cloud.storage, 20)


@pytest.mark.requirement("EV-6")
def test_limits_beyond_what_the_rule_grants_are_refused_at_their_fields(owner: Actor, disk: Disk) -> None:
    with pytest.raises(Invalid) as refused:
        set_disk_limits(owner, disk, iops=10**6, bytes_per_second=1)
    assert set(refused.value.fields) == {"iops", "bytes_per_second"}
    disk.refresh_from_db()
    assert disk.iops_set is None
