"""Attaching disks to VMs and detaching them: guest, definition and rows agree on what there is."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from threading import Semaphore

import pytest

from apps.accounts.models import Tenant
from apps.compute.models import Vm
from apps.compute.operations import disk_attachment as operations
from apps.compute.services.delete import delete_vm
from apps.compute.services.disk_attachment import attach_disk, detach_disk, force_detach_disk
from apps.compute.services.power import power_off_vm, restart_vm, start_vm
from apps.drivers.errors import DriverError
from apps.drivers.memory import World
from apps.infrastructure import backends
from apps.infrastructure.models import ComputeCluster
from apps.lifecycle import operation_context
from apps.lifecycle.actor import SYSTEM, Actor
from apps.lifecycle.errors import Busy, Invalid, NotNow, Refused
from apps.lifecycle.models import Operation, OperationLock, OperationStatus
from apps.lifecycle.stored_messages import rendered_error
from apps.network.models import Subnet
from apps.storage.models import Disk
from apps.storage.services.disk import delete_disk, expand_disk, set_disk_limits
from apps.storage.services.repair import resync_disk
from apps.storage.services.snapshot import snapshot_disk
from tests import factories
from tests.compute.factories import Cloud, make_cloud, make_vm
from tests.reconciliation.drift import look_twice, work
from tests.storage.factories import (
    defined_with,
    done,
    failed,
    guest,
    make_attached,
    make_disk,
    run,
    running_with,
    set_guest,
)

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("EV-2")]


@pytest.fixture
def vm(owner: Actor, cloud: Cloud, subnet: Subnet) -> Vm:
    return make_vm(owner, cloud, subnet)


@pytest.fixture
def disk(owner: Actor, cloud: Cloud) -> Disk:
    return make_disk(owner, cloud)


def stopped(owner: Actor, vm: Vm) -> Vm:
    done(power_off_vm(owner, vm))
    return Vm.objects.get(pk=vm.pk)


@pytest.mark.parametrize("is_running", [True, False])
def test_a_disk_is_attached_and_detached_running_or_stopped(
    owner: Actor, vm: Vm, disk: Disk, is_running: bool
) -> None:
    vm = vm if is_running else stopped(owner, vm)
    done(attach_disk(owner, disk, vm=vm.pk))
    disk.refresh_from_db()
    assert (disk.vm, disk.slot) == (vm, 1)
    assert str(disk.pk) in defined_with(vm)
    assert (str(disk.pk) in running_with(vm)) is is_running
    done(detach_disk(owner, disk))
    disk.refresh_from_db()
    assert (disk.vm, disk.slot) == (None, None)
    assert str(disk.pk) not in [*defined_with(vm), *running_with(vm)]


def test_disks_keep_their_place_and_the_lowest_free_one_is_taken(owner: Actor, cloud: Cloud, vm: Vm) -> None:
    first, second = make_attached(owner, cloud, vm), make_attached(owner, cloud, vm)
    done(detach_disk(owner, first))
    done(power_off_vm(owner, vm))
    done(start_vm(owner, vm))
    slots = {disk.volume.id: disk.slot for disk in guest(vm).live}
    assert slots == {str(vm.disks.get(role="system").pk): 0, str(second.pk): 2}
    assert make_attached(owner, cloud, vm).slot == 1


@pytest.mark.parametrize(("architecture", "most"), [("x86_64", 6), ("aarch64", 3)])
def test_a_vm_has_no_more_data_disks_than_its_architecture_takes(
    owner: Actor, cloud: Cloud, vm: Vm, architecture: str, most: int
) -> None:
    ComputeCluster.objects.update(architecture=architecture)
    for slot in range(1, most + 1):
        Disk.objects.create(
            kind="disk", name=f"d{slot}", tenant=vm.tenant, project=vm.project, region=vm.region,
            state="ready", cluster=cloud.storage, size_gib=10, vm=vm, slot=slot,
        )  # fmt: skip
    with pytest.raises(Refused) as refused:
        attach_disk(owner, make_disk(owner, cloud), vm=vm.pk)
    assert (refused.value.code, refused.value.field) == ("vm.too_many_disks", "vm")
    assert f"VM web already has {most} data disks" in refused.value.message


@pytest.mark.requirement("RG-2")
def test_a_vm_of_another_region_is_refused_naming_both(
    owner: Actor, cloud: Cloud, world: World, disk: Disk, tenant_a: Tenant
) -> None:
    elsewhere = make_cloud(world)
    far = make_vm(owner, elsewhere, elsewhere.network(tenant_a))
    with pytest.raises(Refused) as refused:
        attach_disk(owner, disk, vm=far.pk)
    assert (refused.value.code, refused.value.field) == ("region.mismatch", "vm")
    assert cloud.region.label in refused.value.message and elsewhere.region.label in refused.value.message


def test_a_vm_of_another_tenant_does_not_exist(
    owner: Actor, cloud: Cloud, disk: Disk, tenant_b: Tenant
) -> None:
    stranger = factories.actor_for_user(factories.make_owner(tenant_b, "stranger"))
    theirs = make_vm(stranger, cloud, cloud.network(tenant_b))
    with pytest.raises(Invalid) as refused:
        attach_disk(owner, disk, vm=theirs.pk)
    assert refused.value.field == "vm"


def test_a_system_disk_is_neither_detached_nor_deleted_by_itself(owner: Actor, vm: Vm) -> None:
    system = vm.disks.get()
    for ask in (detach_disk, force_detach_disk, delete_disk):
        with pytest.raises(NotNow):
            ask(owner, system)


def test_an_attached_disk_is_not_deleted(owner: Actor, cloud: Cloud, vm: Vm) -> None:
    with pytest.raises(NotNow, match="Detach the disk first"):
        delete_disk(owner, make_attached(owner, cloud, vm))


# -- what users of other platforms met (complaints, area 1) ----------------------------------------------------------


def test_a_late_detach_from_one_vm_does_not_touch_the_disk_in_another(
    owner: Actor, cloud: Cloud, vm: Vm, subnet: Subnet
) -> None:
    disk = make_attached(owner, cloud, vm)
    other = make_vm(owner, cloud, subnet, name="other")
    late = detach_disk(owner, disk)
    done(late)
    done(attach_disk(owner, Disk.objects.get(pk=disk.pk), vm=other.pk))
    # As a worker would that wakes up long after another has done its work.
    Operation.objects.filter(pk=late.pk).update(status=OperationStatus.QUEUED, finished_at=None)
    ended = done(late)
    assert "not attached to this VM any more" in ended.steps[-1]["text"]
    assert Disk.objects.get(pk=disk.pk).vm == other
    assert str(disk.pk) in running_with(other)


def test_a_detach_that_names_another_vm_is_refused(
    owner: Actor, cloud: Cloud, vm: Vm, subnet: Subnet
) -> None:
    disk = make_attached(owner, cloud, vm)
    other = make_vm(owner, cloud, subnet, name="other")
    with pytest.raises(NotNow, match="not attached to this VM"):
        detach_disk(owner, disk, vm=other.pk)
    done(detach_disk(owner, disk, vm=vm.pk))


def test_a_detach_is_done_only_when_the_guest_has_released_the_disk(
    owner: Actor, cloud: Cloud, vm: Vm, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(operations, "RELEASE_PATIENCE", timedelta(milliseconds=1))
    disk = make_attached(owner, cloud, vm)
    set_guest(vm, releases=False)
    error = failed(detach_disk(owner, disk))
    assert error["code"] == "disk.not_released"
    assert "The guest did not release the disk" in error["message"]
    disk.refresh_from_db()
    assert (disk.vm, disk.slot) == (vm, 1)
    assert str(disk.pk) in defined_with(vm) and str(disk.pk) in running_with(vm)
    set_guest(vm, releases=True)
    done(detach_disk(owner, disk))


def test_a_disk_that_the_guest_has_mounted_is_detached_by_force_only(
    owner: Actor, cloud: Cloud, vm: Vm
) -> None:
    disk = make_attached(owner, cloud, vm)
    set_guest(vm, mounted={str(disk.pk): ("/srv/data", "/srv/more")})
    error = failed(detach_disk(owner, disk))
    assert error["code"] == "disk.mounted"
    assert "/srv/data, /srv/more" in error["message"]
    assert "force detach" in rendered_error(error)["hint"]
    assert str(disk.pk) in running_with(vm) and Disk.objects.get(pk=disk.pk).vm == vm
    done(force_detach_disk(owner, disk))
    assert str(disk.pk) not in running_with(vm) and Disk.objects.get(pk=disk.pk).vm is None


@pytest.mark.requirement("OP-3")
def test_attach_and_refused_detach_leave_nothing_to_repair_and_a_resync_finishes_a_failed_attach(
    owner: Actor, cloud: Cloud, vm: Vm, disk: Disk, world: World
) -> None:
    attached = make_attached(owner, cloud, vm)
    set_guest(vm, mounted={str(attached.pk): ("/srv/data",)})
    failed(detach_disk(owner, attached))
    world.fail("hypervisor.ensure_disks", DriverError("No.", code="tried.refused", permanent=True))
    failed(attach_disk(owner, disk, vm=vm.pk))
    look_twice()
    assert work() == []
    done(resync_disk(SYSTEM, disk))
    assert str(disk.pk) in running_with(vm)


def test_detaching_from_a_vm_that_its_host_has_lost_succeeds(owner: Actor, cloud: Cloud, vm: Vm) -> None:
    disk = make_attached(owner, cloud, vm)
    assert vm.host is not None
    backends.hypervisor(vm.host, None).ensure_vm_absent(str(vm.pk))
    done(detach_disk(owner, disk))
    assert Disk.objects.get(pk=disk.pk).vm is None
    assert not backends.hypervisor(vm.host, None).status(str(vm.pk)).exists


def test_attaches_to_one_vm_are_carried_out_one_after_the_other(
    owner: Actor, cloud: Cloud, vm: Vm, disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    second, third = make_disk(owner, cloud), make_disk(owner, cloud)
    asked = [attach_disk(owner, each, vm=vm.pk) for each in (disk, second, third)]
    assert [each.slot for each in Disk.objects.filter(role="data").order_by("slot")] == [1, 2, 3]
    # All places to wait in a thread are taken: it comes back later.
    monkeypatch.setattr(operation_context, "waiting_places", Semaphore(0))
    late = run(asked[2])
    assert (late.status, late.steps[-1]["text"]) == (OperationStatus.QUEUED, "Waiting for an earlier task")
    Operation.objects.update(not_before=late.created_at)
    for operation in asked:
        done(operation)
    assert {str(each.pk) for each in (disk, second, third)} < set(running_with(vm))
    assert not OperationLock.objects.exists()


def test_what_waits_for_its_turn_holds_the_vm_and_goes_when_the_vm_goes(
    owner: Actor, cloud: Cloud, vm: Vm, disk: Disk
) -> None:
    second = make_disk(owner, cloud)
    asked = [attach_disk(owner, each, vm=vm.pk) for each in (disk, second)]
    with pytest.raises(Busy):
        restart_vm(owner, vm)
    with pytest.raises(Busy, match="Attaching is still running"):
        detach_disk(owner, disk)
    done(delete_vm(owner, vm))
    assert {Operation.objects.get(pk=each.pk).status for each in asked} == {OperationStatus.CANCELLED}
    assert not Disk.objects.exclude(vm=None).exists()


def test_a_snapshot_does_not_queue_and_says_what_is_running_and_that_nothing_was_changed(
    owner: Actor, cloud: Cloud, vm: Vm, disk: Disk
) -> None:
    first = attach_disk(owner, disk, vm=vm.pk)
    with pytest.raises(Busy) as refused:
        snapshot_disk(owner, vm.disks.get(role="system"), name="one")
    assert "web is in use: Attaching is still running" in refused.value.message
    assert "Nothing was changed" in refused.value.hint
    assert refused.value.details["operation"] == str(first.pk)


@pytest.mark.requirement("EV-2")
def test_attach_limits_expand_and_detach_are_one_order_each_that_changes_disks_only(
    owner: Actor, vm: Vm, disk: Disk, world: World
) -> None:
    orders: list[str] = []
    world.on_call = lambda verb, moment: orders.append(verb) if moment == "before" else None
    change = "hypervisor.ensure_disks"
    requests: list[tuple[Callable[[], Operation], list[str]]] = [
        (lambda: attach_disk(owner, disk, vm=vm.pk), [change]),
        (lambda: set_disk_limits(owner, disk, iops=500), [change]),
        (lambda: expand_disk(owner, disk, size_gib=20), [change]),
        (lambda: detach_disk(owner, disk), ["hypervisor.mounts", change]),
        (lambda: attach_disk(owner, disk, vm=vm.pk), [change]),
        (lambda: force_detach_disk(owner, disk), [change]),
    ]
    for request, expected in requests:
        orders.clear()
        done(request())
        assert orders == expected


def test_attaching_to_a_vm_that_its_host_has_lost_defines_it(
    owner: Actor, vm: Vm, disk: Disk, world: World
) -> None:
    assert vm.host is not None
    hypervisor = backends.hypervisor(vm.host, None)
    hypervisor.ensure_vm_absent(str(vm.pk))
    world.fail("hypervisor.ensure_vm", DriverError("No.", code="tried.refused", permanent=True))
    failed(attach_disk(owner, disk, vm=vm.pk))
    done(attach_disk(owner, disk, vm=vm.pk))
    assert hypervisor.disks(str(vm.pk)).holds(str(disk.pk))


def test_an_attach_that_failed_is_finished_by_the_same_request_or_taken_back(
    owner: Actor, vm: Vm, disk: Disk, world: World
) -> None:
    call, refusal = "hypervisor.ensure_disks", DriverError("No.", code="tried.refused", permanent=True)
    world.fail(call, refusal)
    failed(attach_disk(owner, disk, vm=vm.pk))
    disk.refresh_from_db()
    assert (disk.vm, disk.error["code"]) == (vm, "tried.refused")
    done(attach_disk(owner, disk, vm=vm.pk))
    world.fail(call, refusal)
    failed(detach_disk(owner, disk))
    done(detach_disk(owner, disk))
    assert Disk.objects.get(pk=disk.pk).vm is None and str(disk.pk) not in running_with(vm)


def test_an_answer_that_was_lost_changes_nothing(owner: Actor, vm: Vm, disk: Disk, world: World) -> None:
    def lose(verb: str, moment: str) -> None:
        if (verb, moment) == ("hypervisor.ensure_disks", "after"):
            world.on_call = None
            raise DriverError("Lost.", code="host.unreachable")

    world.on_call = lose
    operation = attach_disk(owner, disk, vm=vm.pk)
    assert run(operation).status == OperationStatus.QUEUED
    Operation.objects.update(not_before=operation.created_at)
    done(operation)
    assert running_with(vm).count(str(disk.pk)) == 1


@pytest.mark.requirement("VM-10")
def test_deleting_the_vm_pushes_an_attach_aside_and_frees_the_disk(owner: Actor, vm: Vm, disk: Disk) -> None:
    attach = attach_disk(owner, disk, vm=vm.pk)
    done(delete_vm(owner, vm))
    attach.refresh_from_db()
    assert attach.status == OperationStatus.CANCELLED
    assert Disk.objects.get(pk=disk.pk).vm is None
    done(delete_disk(owner, Disk.objects.get(pk=disk.pk)))
