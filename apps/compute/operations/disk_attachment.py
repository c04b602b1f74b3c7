"""Attaching disks to VMs and detaching them. Every handler is safe to run again from its top."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

from django.utils.translation import gettext_noop as _

from apps.compute.models import Vm
from apps.compute.operations.parts import load_vm
from apps.compute.specs import vm_spec
from apps.drivers.errors import DriverError
from apps.drivers.hypervisor_errors import VM_MISSING
from apps.drivers.protocols import Hypervisor
from apps.drivers.specs import VmDisks, VmSpec
from apps.infrastructure import backends
from apps.lifecycle import push
from apps.lifecycle.handlers import Settle, handles
from apps.lifecycle.operation_context import OperationContext
from apps.storage.models import Disk
from apps.storage.verbs import DISK_ATTACH, DISK_DETACH, DISK_FORCE_DETACH, RELEASE_PATIENCE

NOT_RELEASED = "disk.not_released"


@handles(DISK_ATTACH)
def attach_disk(run: OperationContext) -> Settle | None:
    """Bring definition and running guest up to the rows, of which this disk is one."""
    disk = _attached(run)
    if disk is None:
        return None
    vm, host, _region = load_vm(run, disk.vm_id)
    run.step(_("Attaching on %(host)s"), 40, host=host.name)
    has = ensure_disks(backends.hypervisor(host, run), vm_spec(vm))
    if not has.holds(str(disk.pk)):
        raise DriverError(
            _("The VM does not have the disk yet."),
            code="disk.not_there",
            hint=_("The platform retries automatically."),
        )
    return lambda: push.resource_changed(vm)


@handles(DISK_DETACH)
def detach_disk(run: OperationContext) -> Settle | None:
    """Ask the guest what it has mounted, then have it release the disk."""
    return _detach(run, ask=True)


@handles(DISK_FORCE_DETACH)
def force_detach_disk(run: OperationContext) -> Settle | None:
    """Have the guest release the disk, whatever it has mounted."""
    return _detach(run, ask=False)


def ensure_disks(hypervisor: Hypervisor, spec: VmSpec) -> VmDisks:
    """Bring the disks of a VM to `spec`, in its definition and in the guest that runs; a VM that is lost is defined."""
    try:
        return hypervisor.ensure_disks(spec)
    except DriverError as error:
        if error.code != VM_MISSING:
            raise
    hypervisor.ensure_vm(spec)
    return hypervisor.ensure_disks(spec)


def ensure_detached(hypervisor: Hypervisor, vm: VmSpec, disk: Disk) -> bool:
    """Have the guest release a disk; return whether it has. A VM that its host does not know has nothing attached."""
    try:
        return not hypervisor.ensure_disks(without(vm, disk)).holds(str(disk.pk))
    except DriverError as error:
        if error.code != VM_MISSING:
            raise
        return True


def without(spec: VmSpec, disk: Disk) -> VmSpec:
    """Return a VM without a disk."""
    return replace(spec, disks=tuple(each for each in spec.disks if each.volume.id != str(disk.pk)))


def _detach(run: OperationContext, *, ask: bool) -> Settle | None:
    disk = _attached(run)
    if disk is None:
        return None
    vm, host, _region = load_vm(run, disk.vm_id)
    hypervisor = backends.hypervisor(host, run)
    if ask:
        run.step(_("Asking the guest what is mounted"), 10)
        _ensure_unmounted(hypervisor, vm, disk)
    run.step(_("Waiting for the guest to release the disk"), 40)
    _wait_until_released(run, hypervisor, vm_spec(vm), disk)
    return lambda: _settle_detached(disk, vm)


def _attached(run: OperationContext) -> Disk | None:
    """Return the disk, if it is still attached to the VM that was meant; None: there is nothing to be done."""
    disk = Disk.objects.filter(pk=run.target_id).first()
    if disk is None or str(disk.vm_id) != run.operation.args["vm"]:
        run.step(_("The disk is not attached to this VM any more. Nothing was changed."))
        return None
    return disk


def _ensure_unmounted(hypervisor: Hypervisor, vm: Vm, disk: Disk) -> None:
    try:
        mounts = hypervisor.mounts(str(vm.pk)).mounts.get(str(disk.pk), ())
    except DriverError as error:
        if error.code != VM_MISSING:
            raise
        return
    if mounts:
        raise DriverError(
            _("The guest has mounted the disk at %(mounts)s."),
            values={"mounts": ", ".join(mounts)},
            code="disk.mounted",
            permanent=True,
            hint=_("Unmount it in the guest first. Or force detach: data that is not written yet is lost."),
        )


def _wait_until_released(run: OperationContext, hypervisor: Hypervisor, spec: VmSpec, disk: Disk) -> None:
    try:
        run.wait_until(
            lambda: ensure_detached(hypervisor, spec, disk),
            within=RELEASE_PATIENCE,
            error=DriverError(
                _("The guest did not release the disk within %(seconds)s seconds. It is still attached."),
                values={"seconds": int(RELEASE_PATIENCE.total_seconds())},
                code=NOT_RELEASED,
                permanent=True,
                hint=_("Wait until the guest has started, then retry. Or shut down the VM first."),
            ),
        )
    except DriverError as error:
        if error.code == NOT_RELEASED:
            # As its row says: at its next start the VM has it.
            with suppress(DriverError):
                ensure_disks(hypervisor, spec)
        raise


def _settle_detached(disk: Disk, vm: Vm) -> None:
    Disk.objects.filter(pk=disk.pk, vm=vm).update(vm=None, slot=None)
    push.resource_changed(vm)
