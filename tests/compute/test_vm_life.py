"""A VM from creation to deletion, on pretend hosts."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from apps.compute.models import Power, Vm
from apps.compute.operations import power as handlers
from apps.compute.services.delete import delete_vm
from apps.compute.services.power import (
    power_off_vm,
    restart_vm,
    retry_vm,
    shut_down_vm,
    start_vm,
)
from apps.drivers.errors import DriverError
from apps.drivers.memory import MemoryFabric, MemoryHypervisor, MemoryVolumes
from apps.drivers.memory.records import vms_of
from apps.drivers.specs import PoolKind, PortSpec, VmStatus
from apps.infrastructure.models import Host, StorageCluster
from apps.lifecycle.actor import Actor
from apps.lifecycle.cancellation import cancel
from apps.lifecycle.engine import execute
from apps.lifecycle.errors import Busy, NotNow
from apps.lifecycle.models import Operation, OperationStatus, State
from apps.lifecycle.state_labels import state_label
from apps.network.models import Nic, Subnet
from apps.quotas.models import Quota
from apps.storage.models import Disk
from tests.compute.factories import Cloud, ask_for_vms, make_vm, settled

pytestmark = pytest.mark.django_db


def on_host(cloud: Cloud, vm: Vm) -> VmStatus:
    assert vm.host is not None
    return MemoryHypervisor(cloud.world, vm.host.name).status(str(vm.pk))


def used(vm: Vm) -> dict[str, int]:
    return dict(Quota.objects.filter(tenant_id=vm.tenant_id, used__gt=0).values_list("metric", "used"))


@pytest.mark.requirement("VM-1")
def test_a_created_vm_runs_on_a_host_with_its_disk_and_port(
    cloud: Cloud, subnet: Subnet, owner: Actor
) -> None:
    vm = make_vm(owner, cloud, subnet)
    assert vm.state == State.READY
    assert state_label(vm).word == "Running"
    seen = on_host(cloud, vm)
    assert (seen.exists, seen.power, seen.boot) == (True, Power.ON, 1)
    pool = MemoryVolumes(cloud.world).observe(cloud.storage.spec())
    assert pool.of(PoolKind.VOLUME) == (str(vm.disks.get().pk),)
    assert set(MemoryFabric(cloud.world).inventory().of(PortSpec)) == {str(vm.nics.get(role="internal").pk)}


@pytest.mark.requirement("VM-2")
def test_the_host_is_told_the_limits_of_cpu_memory_and_disk(
    cloud: Cloud, subnet: Subnet, owner: Actor
) -> None:
    vm = make_vm(owner, cloud, subnet)
    assert vm.host is not None
    with cloud.world.records() as state:
        known = state.get(vms_of(vm.host.name), str(vm.pk))
    assert known is not None
    spec = known.spec
    assert (spec.vcpu, spec.memory_mib, spec.cpu_percent) == (1, 2048, 100)
    assert spec.disks[0].iops > 0
    assert spec.disks[0].bytes_per_second > 0


@pytest.mark.requirement("VM-3")
def test_a_vm_is_shut_down_started_restarted_and_powered_off(
    cloud: Cloud, subnet: Subnet, owner: Actor
) -> None:
    vm = make_vm(owner, cloud, subnet)
    vm = settled(shut_down_vm(owner, vm))
    assert (vm.power, on_host(cloud, vm).power, state_label(vm).word) == (Power.OFF, Power.OFF, "Stopped")
    vm = settled(start_vm(owner, vm))
    assert (vm.power, on_host(cloud, vm).power) == (Power.ON, Power.ON)
    before = on_host(cloud, vm).boot
    vm = settled(restart_vm(owner, vm))
    assert on_host(cloud, vm).boot == before + 1
    vm = settled(power_off_vm(owner, vm))
    assert on_host(cloud, vm).power == Power.OFF


def test_a_restart_run_again_after_it_was_done_does_not_restart_again(
    cloud: Cloud, subnet: Subnet, owner: Actor
) -> None:
    vm = make_vm(owner, cloud, subnet)
    operation = restart_vm(owner, vm)
    cloud.world.fail("hypervisor.ensure_power", DriverError("lost answer"), times=1)
    execute(operation.pk)
    Operation.objects.filter(pk=operation.pk).update(not_before=timezone.now())
    vm = settled(operation)
    booted = on_host(cloud, vm)
    assert booted.boot == vm.boot == 2


@pytest.mark.requirement("VM-3")
def test_verbs_that_make_no_sense_now_are_refused_with_the_reason(
    cloud: Cloud, subnet: Subnet, owner: Actor
) -> None:
    vm = make_vm(owner, cloud, subnet)
    with pytest.raises(NotNow, match="running"):
        start_vm(owner, vm)
    shut_down_vm(owner, vm)
    with pytest.raises(Busy):
        restart_vm(owner, vm)


@pytest.mark.requirement("VM-9")
def test_the_word_follows_the_operation_under_way(cloud: Cloud, subnet: Subnet, owner: Actor) -> None:
    (creating,) = ask_for_vms(owner, cloud, subnet)
    vm = Vm.objects.get(pk=creating.target_id)
    assert state_label(vm).word == "Creating"
    vm = settled(creating)
    for verb, word in (
        (shut_down_vm, "Shutting down"),
        (start_vm, "Starting"),
        (restart_vm, "Restarting"),
        (power_off_vm, "Powering off"),
        (delete_vm, "Deleting"),
    ):
        operation = verb(owner, vm)
        assert state_label(vm).word == word
        if verb is not delete_vm:
            vm = settled(operation)


@pytest.mark.requirement("VM-10")
def test_deleting_a_vm_leaves_nothing_of_it_anywhere(cloud: Cloud, subnet: Subnet, owner: Actor) -> None:
    vm = make_vm(owner, cloud, subnet)
    assert used(vm) == {"vm": 1, "vcpu": 1, "memory_gib": 2, "disk": 1, "disk_gib": 40}
    operation = delete_vm(owner, vm)
    execute(operation.pk)
    operation.refresh_from_db()
    assert operation.status == OperationStatus.DONE
    assert operation.target_name == "web"
    assert not Vm.objects.exists()
    assert not Disk.objects.exists()
    assert not Nic.objects.exists()
    assert used(vm) == {}
    assert not any(h.vcpu_reserved or h.memory_reserved_mib for h in Host.objects.all())
    assert not StorageCluster.objects.filter(provisioned_gib__gt=0).exists()
    assert MemoryVolumes(cloud.world).observe(cloud.storage.spec()).of(PoolKind.VOLUME) == ()
    assert not MemoryFabric(cloud.world).inventory().of(PortSpec)


@pytest.mark.requirement("OP-4")
def test_delete_and_power_off_push_aside_what_is_under_way(
    cloud: Cloud, subnet: Subnet, owner: Actor
) -> None:
    (creating,) = ask_for_vms(owner, cloud, subnet)
    vm = Vm.objects.get(pk=creating.target_id)
    deleting = delete_vm(owner, vm)
    creating.refresh_from_db()
    assert creating.status == OperationStatus.CANCELLED
    execute(deleting.pk)
    assert not Vm.objects.exists()

    vm = make_vm(owner, cloud, subnet)
    restarting = restart_vm(owner, vm)
    vm = settled(power_off_vm(owner, vm))
    restarting.refresh_from_db()
    assert restarting.status == OperationStatus.CANCELLED
    assert on_host(cloud, vm).power == Power.OFF


@pytest.mark.requirement("OP-4")
def test_a_failed_creation_shows_its_cause_and_can_be_tried_again(
    cloud: Cloud, subnet: Subnet, owner: Actor
) -> None:
    (creating,) = ask_for_vms(owner, cloud, subnet)
    cloud.world.fail(
        "volumes.ensure_volume",
        DriverError("The pool is full.", code="volumes.no_space", permanent=True, hint="Add disks."),
    )
    execute(creating.pk)
    vm = Vm.objects.get(pk=creating.target_id)
    assert vm.state == State.ERROR
    assert vm.error["code"] == "volumes.no_space"
    assert used(vm)["vm"] == 1
    vm = settled(retry_vm(owner, vm))
    assert (vm.state, vm.error) == (State.READY, {})


def test_a_failed_creation_can_be_deleted_and_leaves_nothing(
    cloud: Cloud, subnet: Subnet, owner: Actor
) -> None:
    (creating,) = ask_for_vms(owner, cloud, subnet)
    cloud.world.fail("hypervisor.ensure_power", DriverError("No KVM.", permanent=True))
    execute(creating.pk)
    vm = Vm.objects.get(pk=creating.target_id)
    execute(delete_vm(owner, vm).pk)
    assert not Vm.objects.exists()
    assert used(vm) == {}
    assert MemoryVolumes(cloud.world).observe(cloud.storage.spec()).of(PoolKind.VOLUME) == ()
    assert not MemoryFabric(cloud.world).inventory().of(PortSpec)


@pytest.mark.requirement("OP-4")
def test_a_creation_cancelled_in_time_leaves_a_vm_to_be_tried_again(
    cloud: Cloud, subnet: Subnet, owner: Actor
) -> None:
    (creating,) = ask_for_vms(owner, cloud, subnet)
    assert cancel(owner, creating)
    vm = Vm.objects.get()
    assert (vm.state, vm.error["code"], state_label(vm).word) == (
        State.ERROR,
        "operation.cancelled",
        "Failed",
    )
    assert settled(retry_vm(owner, vm)).state == State.READY


@pytest.mark.django_db(transaction=True)
def test_a_guest_that_ignores_it_fails_the_shutdown_and_goes_on_running(
    cloud: Cloud, subnet: Subnet, owner: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    vm = make_vm(owner, cloud, subnet)
    monkeypatch.setattr(handlers, "SHUTDOWN_PATIENCE", timedelta(seconds=0.1))
    monkeypatch.setattr(
        handlers.backends,
        "hypervisor",
        lambda host, run: MemoryHypervisor(cloud.world, host.name, shutdown_seconds=3600),
    )
    execute(shut_down_vm(owner, vm).pk)
    vm.refresh_from_db()
    assert vm.error["code"] == "vm.guest_ignored_shutdown"
    assert (vm.power, state_label(vm).word) == (Power.ON, "Running")
    vm = settled(restart_vm(owner, vm))
    assert on_host(cloud, vm).boot == 2
