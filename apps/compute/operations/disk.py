"""Verbs of disks that the VM must hear of which has them: growing, limiting, repairing."""

from __future__ import annotations

from functools import partial

from django.utils.translation import gettext_noop as _

from apps.compute.models import Vm
from apps.compute.operations.disk_attachment import ensure_detached, ensure_disks
from apps.compute.operations.parts import load_vm
from apps.compute.specs import vm_spec
from apps.drivers.errors import DriverError
from apps.drivers.specs import PoolKind, VmDisks
from apps.infrastructure import backends
from apps.infrastructure.reachability import is_silent
from apps.lifecycle import push
from apps.lifecycle.handlers import Settle, handles
from apps.lifecycle.models.operation import Stopping
from apps.lifecycle.operation_context import OperationContext
from apps.reconciliation.operations.common import keep_remaining, repairing
from apps.storage.models import Disk
from apps.storage.operations.common import volumes_of
from apps.storage.operations.disk import remove_copy_point, settle_disk_deleted
from apps.storage.specs import volume_spec
from apps.storage.verbs import DISK_EXPAND, DISK_FORCE_CLEAN, DISK_RESYNC, DISK_SET_LIMITS

GIB = 1 << 30


@handles(DISK_EXPAND)
def expand_disk(run: OperationContext) -> Settle:
    """Grow the volume, and tell the guest that runs with it. Each is looked at by itself, however far it has come.

    From the first call on the volume may have grown, whoever pushes the operation aside: the size is given back only
    where storage says that it has not (`given_up.forget_expand`).
    """
    disk = _load(run)
    run.step(_("Expanding the disk"), 30)
    run.no_way_back()
    try:
        _grow(run, disk)
    except DriverError as error:
        if (error.permanent or run.late) and _has_old_size(run, disk):
            run.write(stopping=Stopping.NOT_NOW)
        raise
    return lambda: _forget_old_size(disk)


@handles(DISK_SET_LIMITS)
def set_disk_limits(run: OperationContext) -> Settle | None:
    """Apply the limits where the disk is in use; one that is not gets them when it is attached."""
    disk = _load(run)
    if disk.vm_id:
        run.step(_("Setting the limits"), 50)
        _told(run, disk)
    return None


@handles(DISK_RESYNC)
@repairing
def resync_disk(run: OperationContext) -> Settle | None:
    """Grow a volume that is too small, attach what should be attached. An empty volume would hide a loss."""
    disk = _load(run)
    run.step(_("Resizing the disk"), 30)
    ensure_volume_exists(run, disk)
    running = _told(run, disk) if disk.vm_id else VmDisks()
    if not any(each.id == str(disk.pk) for each in running.running):
        volumes_of(disk, run).ensure_volume(volume_spec(disk))
    return None


@handles(DISK_FORCE_CLEAN)
@repairing
def force_clean_disk(run: OperationContext) -> Settle:
    """Remove what can be removed, and the rows in any case."""
    disk = _load(run)
    if disk.vm_id:
        vm, host, _region = load_vm(run, disk.vm_id)
        run.step(_("Removing from %(host)s"), 20, host=host.name)
        if is_silent(host):
            run.step(_("Host %(host)s is unreachable. The disk stays attached there."), None, host=host.name)
        else:
            keep_remaining(run, partial(_unplug, run, vm, disk))
    run.step(_("Removing the disk"), 60)
    keep_remaining(run, lambda: remove_copy_point(run, disk))
    keep_remaining(run, lambda: volumes_of(disk, run).ensure_volume_absent(volume_spec(disk)))
    return lambda: settle_disk_deleted(disk)


def ensure_volume_exists(run: OperationContext, disk: Disk) -> None:
    """Raise DriverError when the volume of a disk is lost."""
    if str(disk.pk) not in volumes_of(disk, run).inventory(disk.cluster.spec()).of(PoolKind.VOLUME):
        raise DriverError(
            _("Volume %(id)s no longer exists."),
            values={"id": disk.pk},
            code="volumes.volume_missing",
            permanent=True,
            hint=_("The data cannot be recovered. Force clean the VM if it is no longer needed.")
            if disk.is_system
            else "",
        )


def _load(run: OperationContext) -> Disk:
    disk = Disk.objects.select_related("cluster").filter(pk=run.target_id).first()
    if disk is None:
        raise DriverError(_("The disk no longer exists."), code="disk.gone", permanent=True)
    return disk


def _told(run: OperationContext, disk: Disk) -> VmDisks:
    """Bring the disks of the VM that has this one to their rows, and return what it has."""
    disk.vm, host, _region = load_vm(run, disk.vm_id)
    return ensure_disks(backends.hypervisor(host, run), vm_spec(disk.vm))


def _unplug(run: OperationContext, vm: Vm, disk: Disk) -> None:
    assert vm.host is not None
    ensure_detached(backends.hypervisor(vm.host, run), vm_spec(vm), disk)


def _grow(run: OperationContext, disk: Disk) -> None:
    running = _told(run, disk) if disk.vm_id else VmDisks()
    seen = next((each for each in running.running if each.id == str(disk.pk)), None)
    if seen is None:
        volumes_of(disk, run).ensure_volume(volume_spec(disk))
    elif seen.size_bytes < disk.size_gib * GIB:
        raise DriverError(
            _("The guest does not see the new size yet."),
            code="disk.not_grown",
            hint=_("The platform retries automatically."),
        )


def _has_old_size(run: OperationContext, disk: Disk) -> bool:
    """Whether the volume is known not to have grown."""
    try:
        sizes = volumes_of(disk, run).inventory(disk.cluster.spec()).of(PoolKind.VOLUME)
    except DriverError:
        return False
    size = sizes.get(str(disk.pk))
    return size is not None and size <= (disk.size_before_gib or 0) * GIB


def _forget_old_size(disk: Disk) -> None:
    Disk.objects.filter(pk=disk.pk).update(size_before_gib=None)
    push.resource_changed(disk)
