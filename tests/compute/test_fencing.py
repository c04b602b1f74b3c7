"""Before a VM is started, storage shuts out what its host has left of it: after a power loss or a crash."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

import pytest

from apps.compute.models import Power, Vm
from apps.compute.services.power import power_off_vm, restart_vm, start_vm
from apps.drivers.errors import DriverError
from apps.drivers.memory import MemoryHypervisor
from apps.drivers.specs import PoolSpec, VolumeSpec
from apps.drivers.specs import Power as DriverPower
from apps.infrastructure import backends
from apps.infrastructure.backends import Guard
from apps.infrastructure.models import Host
from apps.lifecycle.actor import Actor
from apps.lifecycle.engine import execute
from apps.lifecycle.models import Operation, OperationStatus
from apps.network.models import Subnet
from tests.compute.factories import Cloud, make_vm

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("OP-2")]

ADDRESS = "192.0.2.11"


@dataclass
class Fences:
    """A pool with locks: what it was asked to shut out, and whether the VM was on by then."""

    cloud: Cloud
    asked: list[tuple[set[str], set[str]]] = field(default_factory=list)
    error: DriverError | None = None

    def fence(
        self, pool: PoolSpec, key: str, volumes: Sequence[VolumeSpec], hosts: Collection[str], guard: Guard
    ) -> tuple[str, ...]:
        for vm in Vm.objects.select_related("host"):
            assert vm.host is not None
            seen = MemoryHypervisor(self.cloud.world, vm.host.name).status(str(vm.pk))
            assert seen.power is DriverPower.OFF, "a VM that runs would lose its disks"
        self.asked.append(({volume.id for volume in volumes}, set(hosts)))
        if self.error:
            raise self.error
        return (f"{ADDRESS}:0/42",)


@pytest.fixture
def fences(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> Fences:
    Host.objects.update(address=ADDRESS)
    made = Fences(cloud)
    monkeypatch.setitem(backends.POOL_FENCES, "memory", made.fence)
    return made


@pytest.fixture
def vm(owner: Actor, cloud: Cloud, subnet: Subnet, fences: Fences) -> Vm:
    made = make_vm(owner, cloud, subnet)
    fences.asked.clear()
    return made


def off(owner: Actor, vm: Vm) -> Vm:
    execute(power_off_vm(owner, vm).pk)
    return Vm.objects.get(pk=vm.pk)


def carried_out(operation: Operation) -> Operation:
    execute(operation.pk)
    return Operation.objects.get(pk=operation.pk)


def test_a_start_shuts_out_the_hosts_former_clients_of_the_vms_disks(
    fences: Fences, owner: Actor, vm: Vm
) -> None:
    asked = carried_out(start_vm(owner, off(owner, vm)))
    assert asked.status == OperationStatus.DONE, asked.error
    assert fences.asked == [({str(vm.disks.get().pk)}, {ADDRESS})]


def test_a_restart_shuts_them_out_once_the_vm_is_off(fences: Fences, owner: Actor, vm: Vm) -> None:
    assert carried_out(restart_vm(owner, vm)).status == OperationStatus.DONE
    assert len(fences.asked) == 1


def test_nothing_is_shut_out_while_the_vm_runs(fences: Fences, owner: Actor, vm: Vm) -> None:
    Vm.objects.update(power=Power.OFF, power_seen=Power.OFF)  # the rows are wrong; the host knows better
    assert carried_out(start_vm(owner, Vm.objects.get())).status == OperationStatus.DONE
    assert fences.asked == []


def test_a_pool_that_does_not_answer_keeps_the_start_waiting_with_the_reason(
    fences: Fences, owner: Actor, vm: Vm
) -> None:
    stopped = off(owner, vm)
    fences.error = DriverError("no answer", code="volumes.ceph_unreachable")
    waiting = carried_out(start_vm(owner, stopped))
    assert waiting.status == OperationStatus.QUEUED
    assert waiting.steps[-1]["text"] == "no answer"


def test_a_user_who_may_not_shut_out_clients_only_makes_the_guest_wait(
    fences: Fences, owner: Actor, vm: Vm
) -> None:
    stopped = off(owner, vm)
    fences.error = DriverError("no right", code="volumes.pool_forbidden")
    assert carried_out(start_vm(owner, stopped)).status == OperationStatus.DONE
