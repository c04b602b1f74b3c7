"""Resizing VMs: off at once, running at the next restart, and on another host where their own is full."""

from __future__ import annotations

import pytest
from django.utils import timezone

from apps.accounts.models import Tenant
from apps.compute.models import Image, InstanceType, Vm
from apps.compute.reconciled.reservations import recount_hosts
from apps.compute.services.delete import delete_vm
from apps.compute.services.power import power_off_vm, restart_vm, start_vm
from apps.compute.services.resize import discard_resize, hot_add, resize_vm
from apps.drivers.errors import DriverError
from apps.drivers.memory import MemoryHypervisor
from apps.drivers.memory.records import VOLUMES, vms_of
from apps.drivers.specs import VmSize, VmSpec
from apps.infrastructure.models import Host
from apps.lifecycle.actor import Actor
from apps.lifecycle.cancellation import cancel
from apps.lifecycle.engine import execute
from apps.lifecycle.errors import Invalid, NoCapacity, NotNow, QuotaExceeded, Refused
from apps.lifecycle.models import Operation, OperationStatus
from apps.lifecycle.retry import retry
from apps.lifecycle.verbs import verb_named
from apps.network.models import Subnet
from apps.quotas.metrics import existing
from apps.quotas.models import Quota
from tests.compute.factories import Cloud, make_vm, settled

pytestmark = pytest.mark.django_db


@pytest.fixture
def vm(cloud: Cloud, subnet: Subnet, owner: Actor) -> Vm:
    """A running VM of 1 vCPU and 2 GiB whose image supports hot-add."""
    Image.objects.filter(pk=cloud.image.pk).update(hot_upgrade=True)
    return make_vm(owner, cloud, subnet)


@pytest.fixture
def stopped(vm: Vm, owner: Actor) -> Vm:
    return settled(power_off_vm(owner, vm))


def kind(cloud: Cloud, vcpu: int) -> int:
    return InstanceType.objects.get(cluster=cloud.cluster, vcpu=vcpu).pk


def size(vm: Vm) -> tuple[int, int]:
    vm.refresh_from_db()
    return vm.vcpu, vm.memory_gib


def spec_on_host(cloud: Cloud, vm: Vm) -> VmSpec | None:
    """What the VM's host has defined of it."""
    fresh = Vm.objects.select_related("host").get(pk=vm.pk)
    assert fresh.host is not None
    with cloud.world.records() as state:
        known = state.get(vms_of(fresh.host.name), str(vm.pk))
    return known.spec if known else None


def live(cloud: Cloud, vm: Vm) -> VmSize:
    fresh = Vm.objects.select_related("host").get(pk=vm.pk)
    assert fresh.host is not None
    return MemoryHypervisor(cloud.world, fresh.host.name).size(str(vm.pk))


def used(vm: Vm) -> tuple[int, int]:
    """vCPUs and GiB of memory that the tenant's quota counts."""
    rows = dict(Quota.objects.filter(tenant_id=vm.tenant_id).values_list("metric", "used"))
    counted = existing(vm.tenant_id or 0)
    found = (rows["vcpu"], rows["memory_gib"])
    assert found == (counted["vcpu"], counted["memory_gib"])
    return found


def room(vm: Vm) -> tuple[int, int]:
    """vCPUs and GiB reserved on the VM's host; nothing is counted wrongly anywhere."""
    assert recount_hosts() == 0
    vm.refresh_from_db()
    host = Host.objects.get(pk=vm.host_id)
    return host.vcpu_reserved, host.memory_reserved_mib // 1024


def failed(operation: Operation) -> Operation:
    execute(operation.pk)
    operation.refresh_from_db()
    assert operation.status == OperationStatus.FAILED
    return operation


@pytest.mark.requirement("VM-6")
def test_a_stopped_vm_gets_larger_and_smaller_with_its_quota_and_room(
    cloud: Cloud, stopped: Vm, owner: Actor
) -> None:
    for vcpu in (4, 2, 8):
        operation = resize_vm(owner, stopped, instance_type=kind(cloud, vcpu))
        settled(operation)
        assert size(stopped) == used(stopped) == room(stopped) == (vcpu, 2 * vcpu)
        spec = spec_on_host(cloud, stopped)
        assert spec is not None
        assert (spec.vcpu, spec.memory_mib, spec.cpu_percent) == (vcpu, 2048 * vcpu, 100 * vcpu)
        assert stopped.instance_type_id == kind(cloud, vcpu)
    settled(start_vm(owner, stopped))
    assert live(cloud, stopped).vcpu == 8


@pytest.mark.requirement("VM-6")
@pytest.mark.parametrize("vcpu", [4, 1])
def test_a_running_vm_gets_its_new_size_at_its_next_restart(
    cloud: Cloud, subnet: Subnet, owner: Actor, vcpu: int
) -> None:
    vm = make_vm(owner, cloud, subnet, instance_type=kind(cloud, 2))
    settled(resize_vm(owner, vm, instance_type=kind(cloud, vcpu)))
    larger = max(vcpu, 2)
    assert size(vm) == (2, 4) and vm.resize is not None
    assert used(vm) == room(vm) == (larger, 2 * larger)
    assert live(cloud, vm).vcpu == 2
    settled(restart_vm(owner, vm))
    assert size(vm) == used(vm) == room(vm) == (vcpu, 2 * vcpu)
    assert vm.resize is None
    assert (live(cloud, vm).vcpu, live(cloud, vm).memory_mib) == (vcpu, 2048 * vcpu)


@pytest.mark.requirement("VM-6")
def test_a_prepared_size_waits_for_a_start_too_and_a_later_one_takes_its_place(
    cloud: Cloud, vm: Vm, owner: Actor
) -> None:
    settled(resize_vm(owner, vm, instance_type=kind(cloud, 8)))
    settled(resize_vm(owner, vm, instance_type=kind(cloud, 4)))
    assert used(vm) == room(vm) == (4, 8)
    settled(power_off_vm(owner, vm))
    assert size(vm) == (1, 2)
    settled(start_vm(owner, vm))
    assert size(vm) == used(vm) == room(vm) == (4, 8)


@pytest.mark.requirement("VM-6")
def test_a_prepared_resize_is_discarded_and_what_was_reserved_comes_back(
    cloud: Cloud, vm: Vm, owner: Actor
) -> None:
    with pytest.raises(NotNow, match="prepared"):
        discard_resize(owner, vm)
    settled(resize_vm(owner, vm, instance_type=kind(cloud, 4)))
    assert discard_resize(owner, vm).resize is None
    assert used(vm) == room(vm) == (1, 2)
    settled(restart_vm(owner, vm))
    assert size(vm) == (1, 2)


@pytest.mark.requirement("VM-6")
def test_the_size_that_a_vm_has_or_gets_anyway_is_refused(cloud: Cloud, vm: Vm, owner: Actor) -> None:
    with pytest.raises(Invalid, match="already has"):
        resize_vm(owner, vm, instance_type=kind(cloud, 1))
    settled(resize_vm(owner, vm, instance_type=kind(cloud, 4)))
    with pytest.raises(Invalid, match="already prepared"):
        resize_vm(owner, vm, instance_type=kind(cloud, 4))
    with pytest.raises(Invalid, match="Discard"):
        resize_vm(owner, vm, instance_type=kind(cloud, 1))
    with pytest.raises(Invalid, match="not found"):
        resize_vm(owner, vm, instance_type=999_999)


@pytest.mark.requirement("VM-6")
def test_without_quota_a_resize_is_refused_and_nothing_is_reserved(
    cloud: Cloud, vm: Vm, owner: Actor, tenant_a: Tenant
) -> None:
    Quota.objects.filter(tenant=tenant_a, metric="memory_gib").update(limit=4)
    with pytest.raises(QuotaExceeded, match="Memory"):
        resize_vm(owner, vm, instance_type=kind(cloud, 4))
    assert used(vm) == room(vm) == (1, 2)
    vm.refresh_from_db()
    assert vm.resize is None


def fill(host: Host | None) -> None:
    assert host is not None
    Host.objects.filter(pk=host.pk).update(memory_capacity_mib=2048)


@pytest.mark.requirement("VM-6")
def test_a_stopped_vm_moves_to_a_host_with_room_when_its_own_has_none(
    cloud: Cloud, stopped: Vm, owner: Actor
) -> None:
    home = stopped.host
    fill(home)
    operation = resize_vm(owner, stopped, instance_type=kind(cloud, 4))
    assert used(stopped) == (4, 8)
    assert room(stopped) == (1, 2), "its own host keeps what it takes now"
    settled(operation)
    stopped.refresh_from_db()
    assert stopped.host_id != (home and home.pk)
    assert size(stopped) == used(stopped) == room(stopped) == (4, 8)
    assert home is not None
    assert not MemoryHypervisor(cloud.world, home.name).status(str(stopped.pk)).exists
    assert (spec := spec_on_host(cloud, stopped)) is not None and spec.vcpu == 4
    settled(start_vm(owner, stopped))
    assert live(cloud, stopped).vcpu == 4


@pytest.mark.requirement("VM-6")
def test_a_host_that_does_not_reach_the_disks_gets_no_vm(cloud: Cloud, stopped: Vm, owner: Actor) -> None:
    home = stopped.host
    fill(home)
    disk = stopped.disks.get()
    operation = resize_vm(owner, stopped, instance_type=kind(cloud, 4))
    with cloud.world.records() as state:
        volume = state.get(VOLUMES, str(disk.pk))
        assert volume is not None
        state.delete(VOLUMES, str(disk.pk))
    assert failed(operation).error["code"] == "vm.disk_out_of_reach"
    with cloud.world.records() as state:
        state.put(VOLUMES, str(disk.pk), volume)
    assert size(stopped) == used(stopped) == room(stopped) == (1, 2)
    assert spec_on_host(cloud, stopped) is not None
    assert recount_hosts() == 0


@pytest.mark.requirement("VM-6")
def test_where_nothing_has_room_the_reason_is_said(cloud: Cloud, vm: Vm, owner: Actor) -> None:
    for host in cloud.hosts:
        fill(host)
    with pytest.raises(NoCapacity, match="no room") as running:
        resize_vm(owner, vm, instance_type=kind(cloud, 4))
    assert "Stop the VM" in running.value.hint
    settled(power_off_vm(owner, vm))
    with pytest.raises(NoCapacity, match="enough capacity"):
        resize_vm(owner, vm, instance_type=kind(cloud, 4))
    assert used(vm) == room(vm) == (1, 2)


@pytest.mark.requirement("VM-6")
def test_a_vm_that_runs_although_it_was_reported_stopped_gets_the_size_later(
    cloud: Cloud, vm: Vm, owner: Actor
) -> None:
    Vm.objects.filter(pk=vm.pk).update(power_seen="off")
    settled(resize_vm(owner, vm, instance_type=kind(cloud, 4)))
    assert size(vm) == (1, 2) and vm.resize is not None
    assert live(cloud, vm).vcpu == 1
    for host in cloud.hosts:
        fill(host) if host.pk == vm.host_id else None
    discard_resize(owner, vm)
    moving = resize_vm(owner, vm, instance_type=kind(cloud, 4))
    assert failed(moving).error["code"] == "vm.not_off"
    assert used(vm) == room(vm) == (1, 2)


@pytest.mark.requirement("VM-6")
def test_a_cancelled_resize_gives_back_what_it_had_reserved(cloud: Cloud, stopped: Vm, owner: Actor) -> None:
    operation = resize_vm(owner, stopped, instance_type=kind(cloud, 4))
    cancel(owner, operation)
    assert size(stopped) == used(stopped) == room(stopped) == (1, 2)
    assert stopped.resize is None


@pytest.mark.requirement("VM-6")
def test_a_resize_that_failed_at_the_host_is_finished_by_a_retry(
    cloud: Cloud, stopped: Vm, owner: Actor
) -> None:
    operation = resize_vm(owner, stopped, instance_type=kind(cloud, 4))
    cloud.world.fail("hypervisor.ensure_vm", DriverError("no", code="x", permanent=True), times=1)
    failed(operation)
    assert size(stopped) == used(stopped) == room(stopped) == (4, 8)
    again = retry(owner, verb_named("vm.resize"), stopped, operation)
    settled(again)
    spec = spec_on_host(cloud, stopped)
    assert spec is not None and spec.vcpu == 4
    stopped.refresh_from_db()
    assert stopped.error == {}


@pytest.mark.requirement("VM-7")
def test_a_running_vm_grows_at_once(cloud: Cloud, vm: Vm, owner: Actor) -> None:
    before = live(cloud, vm)
    assert (before.vcpu, before.most_vcpu, before.most_memory_mib) == (1, 8, 16384)
    settled(hot_add(owner, vm, instance_type=kind(cloud, 4)))
    assert size(vm) == used(vm) == room(vm) == (4, 8)
    seen, spec = live(cloud, vm), spec_on_host(cloud, vm)
    assert (seen.vcpu, seen.memory_mib) == (4, 8192)
    assert spec is not None and (spec.vcpu, spec.memory_mib, spec.generation) == (4, 8192, vm.generation)
    assert vm.resize is None and vm.instance_type_id == kind(cloud, 4)
    settled(restart_vm(owner, vm))
    assert live(cloud, vm).vcpu == 4


@pytest.mark.requirement("VM-7")
def test_a_running_vm_does_not_get_smaller(cloud: Cloud, subnet: Subnet, owner: Actor, vm: Vm) -> None:
    settled(hot_add(owner, vm, instance_type=kind(cloud, 4)))
    with pytest.raises(Refused, match="cannot get smaller") as refused:
        hot_add(owner, vm, instance_type=kind(cloud, 2))
    assert refused.value.code == "vm.no_online_downgrade"
    mixed = InstanceType.objects.create(cluster=cloud.cluster, name="wide", vcpu=6, memory_gib=2)
    with pytest.raises(Refused, match="cannot get smaller"):
        hot_add(owner, vm, instance_type=mixed.pk)


@pytest.mark.requirement("VM-7")
def test_what_a_vm_was_not_started_for_is_refused(cloud: Cloud, subnet: Subnet, owner: Actor, vm: Vm) -> None:
    with pytest.raises(Refused, match="8 vCPU · 16 GiB") as refused:
        hot_add(owner, vm, instance_type=kind(cloud, 16))
    assert refused.value.code == "vm.no_head_room"
    Image.objects.filter(pk=cloud.image.pk).update(hot_upgrade=False)
    plain = make_vm(owner, cloud, subnet, name="plain")
    with pytest.raises(NotNow, match="without hot-add support"):
        hot_add(owner, plain, instance_type=kind(cloud, 2))
    settled(power_off_vm(owner, vm))
    with pytest.raises(NotNow, match="stopped"):
        hot_add(owner, vm, instance_type=kind(cloud, 2))


@pytest.mark.requirement("VM-7")
def test_a_hot_add_that_the_host_refuses_leaves_the_vm_as_it_is(cloud: Cloud, vm: Vm, owner: Actor) -> None:
    operation = hot_add(owner, vm, instance_type=kind(cloud, 4))
    cloud.world.fail("hypervisor.ensure_size", DriverError("no", code="x", permanent=True), times=1)
    failed(operation)
    assert size(vm) == used(vm) == room(vm) == (1, 2)
    assert vm.resize is None


@pytest.mark.requirement("VM-7")
def test_a_hot_add_that_may_have_been_done_keeps_its_reservation_until_it_is_known(
    cloud: Cloud, vm: Vm, owner: Actor
) -> None:
    operation = hot_add(owner, vm, instance_type=kind(cloud, 4))
    cloud.world.fail("hypervisor.ensure_size", DriverError("no", code="x", permanent=True), times=1)
    cloud.world.fail("hypervisor.size", DriverError("no", code="host.unreachable"), times=1)
    failed(operation)
    vm.refresh_from_db()
    assert vm.resize is not None and vm.resize_unsettled
    assert used(vm) == room(vm) == (4, 8)
    for refused in (discard_resize, resize_vm):
        with pytest.raises(NotNow):
            refused(owner, vm, **({} if refused is discard_resize else {"instance_type": kind(cloud, 8)}))
    with pytest.raises(Refused, match="smaller"):
        hot_add(owner, vm, instance_type=kind(cloud, 2))
    settled(hot_add(owner, vm, instance_type=kind(cloud, 4)))
    assert size(vm) == used(vm) == room(vm) == (4, 8)
    assert not vm.resize_unsettled


@pytest.mark.requirement("VM-7")
def test_a_lost_answer_adds_nothing_twice(cloud: Cloud, vm: Vm, owner: Actor) -> None:
    operation = hot_add(owner, vm, instance_type=kind(cloud, 4))
    cloud.world.fail("hypervisor.ensure_size", DriverError("lost answer"), times=1)
    execute(operation.pk)
    Operation.objects.filter(pk=operation.pk).update(not_before=timezone.now())
    settled(operation)
    assert size(vm) == used(vm) == (4, 8)
    assert live(cloud, vm).memory_mib == 8192


@pytest.mark.requirement("VM-6")
def test_deleting_a_vm_with_a_prepared_resize_gives_everything_back(
    cloud: Cloud, vm: Vm, owner: Actor
) -> None:
    settled(resize_vm(owner, vm, instance_type=kind(cloud, 8)))
    execute(delete_vm(owner, vm).pk)
    assert not Vm.objects.exists()
    assert not any(h.vcpu_reserved or h.memory_reserved_mib for h in Host.objects.all())
    assert not Quota.objects.filter(used__gt=0).exists()
