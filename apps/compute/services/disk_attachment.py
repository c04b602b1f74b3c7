"""Attaching data disks to VMs, and detaching them."""

from __future__ import annotations

from uuid import UUID

from django.utils.translation import gettext as _

from apps.accounts.access import ensure_may, visible
from apps.compute.models import Vm
from apps.infrastructure.models import ComputeCluster
from apps.infrastructure.regions import ensure_one_region
from apps.lifecycle.errors import Invalid, NotNow, Refused
from apps.lifecycle.models import Operation
from apps.lifecycle.requests import Change
from apps.lifecycle.usable import ensure_usable
from apps.storage.models import Disk
from apps.storage.models.disk import SYSTEM_SLOT
from apps.storage.services.holding import beside, changes_disk
from apps.storage.verbs import DISK_ATTACH, DISK_DETACH, DISK_FORCE_DETACH

#: Data disks that a VM can have, by the architecture of its hosts.
MOST_DISKS = {ComputeCluster.Architecture.X86: 6, ComputeCluster.Architecture.ARM: 3}


@changes_disk(DISK_ATTACH)
def attach_disk(change: Change[Disk], *, vm: UUID) -> Operation:
    """Attach a disk to a VM, running or stopped. To the VM it has been attached to in part, this finishes it.

    Raises Invalid (field "vm"), Refused `region.mismatch` and `vm.too_many_disks`, NotNow, Busy.
    """
    disk, machine = change.row, _machine(change, vm)
    if disk.vm_id not in (None, machine.pk):
        raise NotNow(_("The disk is already attached to another VM."), hint=_("Detach the disk first."))
    if disk.vm_id is None:
        slot = _free_slot(machine)
        disk.vm, disk.slot = machine, slot
        Disk.objects.filter(pk=disk.pk).update(vm=machine, slot=slot)
    change.bump()
    return change.request(args={"vm": str(machine.pk)}, also=beside(change, disk))


@changes_disk(DISK_DETACH)
def detach_disk(change: Change[Disk], *, vm: UUID | None = None) -> Operation:
    """Detach a disk once its guest has released it; refused while the guest has it mounted.

    `vm`: the VM it is believed to be attached to. Raises NotNow for another one, Busy.
    """
    return _detach(change, vm)


@changes_disk(DISK_FORCE_DETACH)
def force_detach_disk(change: Change[Disk], *, vm: UUID | None = None) -> Operation:
    """Detach a disk without asking what the guest has mounted: what it has not written yet is lost."""
    return _detach(change, vm)


def _detach(change: Change[Disk], vm: UUID | None) -> Operation:
    disk = change.row
    if vm is not None and str(vm) != str(disk.vm_id):
        raise NotNow(
            _("The disk is not attached to this VM."),
            hint=_("Nothing was changed. Reload the disk to see where it is attached."),
        )
    change.bump()
    return change.request(args={"vm": str(disk.vm_id)}, also=beside(change, disk))


def _machine(change: Change[Disk], pk: UUID | str) -> Vm:
    """Return the VM, of the disk's tenant and region. Raises Invalid, Forbidden, Refused or NotNow."""
    disk = change.row
    rows = Vm.objects.select_related("region", "cluster").filter(tenant=disk.tenant)
    found = visible(change.actor, rows).filter(pk=pk).first()
    if found is None:
        raise Invalid({"vm": [_("VM not found.")]})
    ensure_may(change.actor, change.verb, found.project_id, found.tenant_id, found.pk)
    ensure_one_region(disk, found, field="vm")
    ensure_usable(found)
    return found


def _free_slot(vm: Vm) -> int:
    """Return the lowest free slot of a locked VM. Raises Refused."""
    most = MOST_DISKS[ComputeCluster.Architecture(vm.cluster.architecture)]
    taken = set(Disk.objects.filter(vm=vm).values_list("slot", flat=True))
    free = [slot for slot in range(SYSTEM_SLOT + 1, most + 1) if slot not in taken]
    if not free:
        raise Refused(
            _("VM %(name)s already has %(most)s data disks. %(arch)s VMs can have no more.")
            % {"name": vm.name, "most": most, "arch": vm.cluster.get_architecture_display()},
            code="vm.too_many_disks",
            field="vm",
            hint=_("Detach a disk from this VM first, or choose another VM."),
        )
    return free[0]
