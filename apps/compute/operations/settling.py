"""What is written when an operation of a VM is done."""

from __future__ import annotations

from django.db import transaction
from django.db.models import F, Q
from django.db.models.functions import Now

from apps.compute.models import Power, Vm
from apps.compute.quota import vm_amounts
from apps.infrastructure import placement
from apps.infrastructure.space import release_space
from apps.lifecycle import push
from apps.lifecycle.bulk_insert import remove
from apps.lifecycle.models import Resource, State
from apps.lifecycle.operation_context import OperationContext
from apps.network.models import Eni
from apps.network.services.addresses import free_nics
from apps.network.services.carried import release_all, unbind_all
from apps.quotas.services import release_quota
from apps.storage.models import Disk, Snapshot
from apps.storage.operations.disk import settle_disk_deleted


def settle_power(vm: Vm, power: Power) -> None:
    """Note that the VM is as wanted, on or off."""
    Vm.objects.filter(pk=vm.pk).update(power=power)
    note_seen(vm, power)


def note_seen(vm: Vm, power: Power, paused: str = "") -> None:
    """Note what an operation has just seen. Should the host pause it again, the next report says so."""
    Vm.objects.filter(pk=vm.pk).update(power_seen=power, pause_reason=paused, power_seen_at=Now())


def settle_created(vm: Vm, power: Power) -> None:
    """Note that all of a new VM is there."""
    settle_power(vm, power)
    made = Resource.objects.filter(as_disk__vm=vm, state=State.PENDING)
    made.update(state=State.READY, observed_generation=F("generation"))


def named_disks(run: OperationContext, vm: Vm) -> list[Disk]:
    """Return the data disks of a VM that go with it: those named, and those that were never created to their end."""
    named = run.operation.args.get("delete_disks", ())
    return [disk for disk in vm.data_disks if str(disk.pk) in named or disk.state == State.PENDING]


def forget_disk(disk: Disk) -> None:
    """Remove the rows of a disk whose volume is gone: should the rest fail, none is left without its volume."""
    with transaction.atomic():
        settle_disk_deleted(disk)


def settle_deleted(vm: Vm, *, with_snapshots: bool = True, with_eips: bool = False) -> None:
    """Remove the rows of a VM from `load_vm` and of its system disk; give quota, addresses and room back.

    Data disks are detached and stay; so do elastic NICs, unbound, and EIPs unless `with_eips`. An EIP that was never
    created goes.
    with_snapshots: False where it is known that there are none.
    Call in a transaction. Locks in the order everybody keeps: resources, quota, host, storage.
    """
    disk = vm.system_disk
    snapshots = list(Snapshot.objects.filter(disk=disk)) if disk and with_snapshots else []
    _detach_data_disks(vm)
    _unbind_elastic_nics(vm)
    eips = [eip for eip in vm.bound_eips if with_eips or eip.state == State.PENDING]
    release_all(eips)
    unbind_all(vm.pk)
    free_nics(vm)
    remove([*snapshots, *([disk] if disk else []), vm])
    if vm.tenant_id is not None:
        amounts = vm_amounts(vm.need, disk.size_gib if disk else 0)
        release_quota(vm.tenant_id, {**amounts, "snapshot": len(snapshots)} if snapshots else amounts)
    for host in sorted(filter(None, {vm.host_id, vm.next_host_id})):
        placement.release(host, vm.need)
    if disk:
        release_space(disk.cluster_id, disk.size_gib)


def _detach_data_disks(vm: Vm) -> None:
    kept = list(Disk.objects.filter(vm=vm, role=Disk.Role.DATA)) if vm.data_disks else []
    Disk.objects.filter(pk__in=[disk.pk for disk in kept]).update(vm=None, slot=None)
    for disk in kept:
        push.resource_changed(disk)


def _unbind_elastic_nics(vm: Vm) -> None:
    kept = list(Eni.objects.filter(Q(vm=vm.pk) | Q(next_vm=vm.pk)))
    Eni.objects.filter(vm=vm.pk).update(vm=None, slot=None)
    Eni.objects.filter(next_vm=vm.pk).update(next_vm=None, next_slot=None)
    for eni in kept:
        push.resource_changed(eni)
