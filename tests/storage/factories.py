"""The calls that make disks and snapshots, and looks at what the pretend region has of them."""

from __future__ import annotations

from typing import Any

from apps.compute.models import Vm
from apps.compute.services.disk_attachment import attach_disk
from apps.drivers.memory import MemoryHypervisor
from apps.drivers.memory.records import VOLUMES, MemoryVm, vms_of
from apps.drivers.memory.snapshots import CONTENTS, SNAPSHOTS
from apps.infrastructure import backends
from apps.lifecycle.actor import Actor
from apps.lifecycle.engine import execute
from apps.lifecycle.models import Operation, OperationStatus
from apps.quotas.models import Quota
from apps.storage.models import Disk, Snapshot
from apps.storage.services.create import create_disks
from apps.storage.services.snapshot import create_snapshot
from tests.compute.factories import Cloud


def run(operation: Operation) -> Operation:
    """Carry the operation out, whatever becomes of it."""
    execute(operation.pk)
    return Operation.objects.get(pk=operation.pk)


def done(operation: Operation) -> Operation:
    """Carry the operation out and see it done."""
    ended = run(operation)
    assert ended.status == OperationStatus.DONE, (ended.verb, ended.status, ended.error)
    return ended


def failed(operation: Operation) -> dict[str, Any]:
    """Carry the operation out, see it fail for good, and return its error."""
    ended = run(operation)
    assert ended.status == OperationStatus.FAILED, (ended.verb, ended.status, ended.steps)
    error: dict[str, Any] = ended.error
    return error


def ask_for_disks(actor: Actor, cloud: Cloud, **changes: Any) -> list[Operation]:
    given: dict[str, Any] = {"name": "data", "size_gib": 10, "cluster": cloud.storage.pk, **changes}
    return create_disks(actor, **given)


def make_disk(actor: Actor, cloud: Cloud, **changes: Any) -> Disk:
    """Create a disk and let it settle."""
    (operation,) = ask_for_disks(actor, cloud, **changes)
    return Disk.objects.get(pk=done(operation).target_id)


def make_attached(actor: Actor, cloud: Cloud, vm: Vm, **changes: Any) -> Disk:
    """Create a disk and attach it."""
    disk = make_disk(actor, cloud, **changes)
    done(attach_disk(actor, disk, vm=vm.pk))
    return Disk.objects.get(pk=disk.pk)


def make_snapshot(actor: Actor, disk: Disk, name: str = "before") -> Snapshot:
    """Take a snapshot and let it settle."""
    operation = create_snapshot(actor, disk=disk.pk, name=name)
    return Snapshot.objects.get(pk=done(operation).target_id)


def guest(vm: Vm) -> MemoryVm:
    """Return the VM as its host has it."""
    assert vm.host is not None
    with backends.memory_world().records() as state:
        there = state.get(vms_of(vm.host.name), str(vm.pk))
    assert there is not None
    return there


def set_guest(vm: Vm, **said: Any) -> None:
    """Let the guest be otherwise: `guest_agent`, `releases`, `mounted`."""
    assert vm.host is not None
    MemoryHypervisor(backends.memory_world(), vm.host.name).set_guest(str(vm.pk), **said)


def running_with(vm: Vm) -> list[str]:
    """Return the volumes that the running guest has."""
    return [disk.volume.id for disk in guest(vm).live]


def defined_with(vm: Vm) -> list[str]:
    """Return the volumes in its stored definition."""
    return [disk.volume.id for disk in guest(vm).spec.disks]


def write(disk: Disk, text: str) -> None:
    """Write to the disk as a guest does."""
    with backends.memory_world().records() as state:
        state.put(CONTENTS, str(disk.pk), text)


def read(disk: Disk) -> str:
    with backends.memory_world().records() as state:
        return state.get(CONTENTS, str(disk.pk)) or ""


def volumes() -> dict[str, int]:
    """Return volume → size in GiB."""
    with backends.memory_world().records() as state:
        return {id: volume.size_gib for id, volume in state.all(VOLUMES).items()}


def kept() -> dict[str, str]:
    """Return snapshot → its volume."""
    with backends.memory_world().records() as state:
        return {id: snapshot.volume_id for id, snapshot in state.all(SNAPSHOTS).items()}


def used(disk: Disk, metric: str = "disk_gib") -> int:
    """Return what is counted of the tenant's quota."""
    return Quota.objects.get(tenant=disk.tenant_id, metric=metric).used
