"""Ways to make what is there differ from the rows, behind the platform's back."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from uuid import uuid4

from apps.compute.models import Vm
from apps.compute.specs import vm_spec
from apps.drivers.fabric.declared import kind_of
from apps.drivers.memory import MemoryHypervisor, MemoryVolumes
from apps.drivers.memory.records import VOLUMES
from apps.drivers.specs import (
    FabricSpec,
    PortSpec,
    VolumeSpec,
)
from tests.compute.factories import Cloud


def hypervisor(cloud: Cloud, vm: Vm) -> MemoryHypervisor:
    assert vm.host is not None
    return MemoryHypervisor(cloud.world, vm.host.name)


def other_host(cloud: Cloud, vm: Vm) -> MemoryHypervisor:
    return MemoryHypervisor(cloud.world, next(host.name for host in cloud.hosts if host.pk != vm.host_id))


def with_parts(vm: Vm) -> Vm:
    return Vm.objects.prefetch_related("disks__cluster", "nics", "eips").get(pk=vm.pk)


def change(cloud: Cloud, table: Any, id: object, **columns: Any) -> None:
    with cloud.world.records() as state:
        record = state.get(table, str(id))
        assert record is not None
        state.put(table, str(id), replace(record, **columns))


def forget(cloud: Cloud, kind: type[FabricSpec], id: object) -> None:
    """Remove something from the fabric without asking what needs it, as another hand might."""
    with cloud.world.records() as state:
        state.delete(kind_of(kind).memory.table, str(id))


def stray_domain(cloud: Cloud, vm: Vm) -> None:
    hypervisor(cloud, vm).ensure_vm(replace(vm_spec(with_parts(vm)), id=str(uuid4()), disks=()))


def stray_volume(cloud: Cloud, vm: Vm) -> None:
    MemoryVolumes(cloud.world).ensure_volume(VolumeSpec(str(uuid4()), cloud.storage.spec(), 7))


def every_difference(cloud: Cloud, vm: Vm) -> None:
    hypervisor(cloud, vm).ensure_vm_absent(str(vm.pk))
    forget(cloud, PortSpec, vm.nics.get(role="internal").pk)
    with cloud.world.records() as state:
        state.delete(VOLUMES, str(vm.disks.get().pk))
