"""Resync, roll back and force clean of VMs."""

from __future__ import annotations

from functools import partial

from django.utils import timezone
from django.utils.translation import gettext_noop as _

from apps.compute.models import Power, Vm
from apps.compute.operations.disk import ensure_volume_exists
from apps.compute.operations.fencing import fence_if_off
from apps.compute.operations.parts import ensure_ports, load_vm, read_vm, tell_guest
from apps.compute.operations.settling import forget_disk, named_disks, note_seen, settle_deleted
from apps.compute.reconciled.reservations import recount_host
from apps.compute.specs import vm_spec
from apps.compute.verbs import VM_FORCE_CLEAN, VM_RESYNC, VM_ROLL_BACK
from apps.drivers.errors import DriverError
from apps.drivers.specs import Power as DriverPower
from apps.infrastructure import backends
from apps.infrastructure.models import Host
from apps.infrastructure.reachability import is_silent
from apps.lifecycle.handlers import Settle, handles
from apps.lifecycle.models import Resource
from apps.lifecycle.operation_context import OperationContext
from apps.network.operations.ports import ensure_ports_absent
from apps.network.services.carried import leaving_eips
from apps.network.verbs import PORTS_ONLY
from apps.reconciliation.operations.common import keep_remaining, repairing
from apps.storage.models import Disk
from apps.storage.operations.disk import remove_copy_point
from apps.storage.specs import volume_spec


@handles(VM_RESYNC)
@repairing
def resync_vm(run: OperationContext) -> Settle | None:
    """Ports, definition and power as the rows say. A disk is grown, never made: an empty one would hide a loss.

    The power of a VM that is there is changed only for who asked for it (`power`).
    """
    vm, host, region = load_vm(run)
    run.step(_("Connecting to the network"), 20)
    ensure_ports(run, vm, region)
    args = run.operation.args
    if not args.get("definition", True):
        return partial(_keep_error, vm)
    hypervisor = backends.hypervisor(host, run)
    seen = hypervisor.status(str(vm.pk))
    there = seen.exists
    # The disks of a VM that runs grow with the guest's (`ensure_disks`): no other may write to a volume in use.
    if args.get("disks") and seen.power is DriverPower.OFF:
        run.step(_("Resizing the disks"), 40)
        for disk in vm.disks.all():
            _grow(run, disk, host)
    run.step(_("Defining the VM on %(host)s"), 60, host=host.name)
    spec = vm_spec(vm)
    hypervisor.ensure_vm(spec)
    hypervisor.ensure_disks(spec)
    hypervisor.ensure_nics(spec)
    tell_guest(hypervisor, vm)
    if there and not args.get("power"):
        return None
    run.step(_("Setting the power state on %(host)s"), 80, host=host.name)
    if vm.power == Power.ON:
        fence_if_off(run, hypervisor, vm, host)
    status = hypervisor.ensure_power(str(vm.pk), DriverPower(vm.power), boot=vm.boot)
    return lambda: note_seen(vm, Power(status.power.value), status.paused.value)


def _keep_error(vm: Vm) -> None:
    """Leave a VM the error of what has failed on its host: its ports alone were brought up to date."""
    if vm.error.get("verb", VM_RESYNC.name) not in (*PORTS_ONLY, VM_RESYNC.name):
        Resource.objects.filter(pk=vm.pk).update(error=vm.error)


@handles(VM_ROLL_BACK)
@repairing
def roll_back_vm(run: OperationContext) -> Settle:
    """Want what is there: the host it is on, and the power it has."""
    vm, host, _region = load_vm(run)
    found = Host.objects.get(pk=run.operation.args.get("host") or host.pk)
    run.step(_("Looking for the VM on %(host)s"), 30, host=found.name)
    status = backends.hypervisor(found, run).status(str(vm.pk))
    if found.pk != host.pk:
        _must_have_moved(vm, host, found, status.exists)
    power = Power(status.power.value)

    def settle() -> None:
        Vm.objects.filter(pk=vm.pk).update(
            host=found,
            power=power,
            power_seen=power,
            pause_reason=status.paused.value,
            power_seen_at=timezone.now(),
        )
        for moved in sorted({host.pk, found.pk}) if found.pk != host.pk else ():
            recount_host(moved)

    return settle


@handles(VM_FORCE_CLEAN)
@repairing
def force_clean_vm(run: OperationContext) -> Settle:
    """Remove what can be removed, and the rows in any case."""
    vm, host, region = read_vm(run.target_id)
    for each in filter(None, (host, vm.next_host)):  # on both, if a migration was broken off
        _remove_from(run, vm, each)
    run.step(_("Removing from the network"), 50)
    fabric = backends.fabric(region, run)
    for eip in [*vm.bound_eips, *leaving_eips(vm.pk)]:
        keep_remaining(run, partial(ensure_ports_absent, fabric, [], [eip]))
    for nic in vm.nics.all():
        keep_remaining(run, partial(ensure_ports_absent, fabric, [nic], []))
    run.step(_("Removing the system disk"), 70)
    if (disk := vm.system_disk) is not None:
        keep_remaining(run, partial(_remove_volume, run, disk, host))
    for disk in named_disks(run, vm):
        run.step(_("Removing disk %(disk)s"), 80, disk=disk.name)
        keep_remaining(run, partial(remove_copy_point, run, disk))
        keep_remaining(run, partial(_remove_volume, run, disk, host))
        forget_disk(disk)
    with_eips = run.operation.args.get("release_eips", False)
    return lambda: settle_deleted(vm, with_eips=with_eips)


def _remove_from(run: OperationContext, vm: Vm, host: Host) -> None:
    run.step(_("Removing from %(host)s"), 20, host=host.name)
    if is_silent(host):
        run.step(_("Host %(host)s is unreachable. The VM’s data stays on this host."), None, host=host.name)
    else:
        keep_remaining(run, lambda: backends.hypervisor(host, run).ensure_vm_absent(str(vm.pk)))


def _grow(run: OperationContext, disk: Disk, host: Host) -> None:
    ensure_volume_exists(run, disk)
    backends.volumes(disk.cluster, run, host=host).ensure_volume(volume_spec(disk))


def _must_have_moved(vm: Vm, home: Host, found: Host, exists: bool) -> None:
    """Refuse where the VM is not on the host it was found on, or may still be on its own as well."""
    if not exists:
        raise DriverError(
            _("The VM no longer exists on host %(host)s."),
            values={"host": found.name},
            code="reconciliation.changed",
            permanent=True,
        )
    # Without an answer from its own host nobody knows; the call fails then, and the operation with it.
    if backends.hypervisor(home, None).status(str(vm.pk)).exists:
        raise DriverError(
            _("The VM is also defined on host %(host)s."),
            values={"host": home.name},
            code="reconciliation.doubled",
            permanent=True,
            hint=_("Force clean the stopped definition."),
        )


def _remove_volume(run: OperationContext, disk: Disk, host: Host) -> None:
    through = None if is_silent(host) else host
    backends.volumes(disk.cluster, run, host=through).ensure_volume_absent(volume_spec(disk))
