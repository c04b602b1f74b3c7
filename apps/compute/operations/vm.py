"""Creating and deleting VMs. Every handler is safe to run again from its top: drivers only ever ensure a state."""

from __future__ import annotations

from django.db.models.functions import Now
from django.utils.translation import gettext_noop as _

from apps.compute.models import Power, Vm
from apps.compute.operations.new_eips import wait_for_eips
from apps.compute.operations.parts import load_vm, make_parts, past, switch_on
from apps.compute.operations.settling import forget_disk, named_disks, settle_created, settle_deleted
from apps.compute.specs import used_seed
from apps.compute.verbs import VM_CREATE, VM_DELETE, VM_FINISH_FIRST_BOOT, VM_RETRY
from apps.drivers.errors import DriverError
from apps.infrastructure import backends
from apps.infrastructure.failed_hosts import is_failed
from apps.lifecycle.handlers import Settle, handles
from apps.lifecycle.operation_context import OperationContext
from apps.network.operations.ports import ensure_ports_absent
from apps.network.services.carried import leaving_eips
from apps.storage.operations.disk import remove_copy_point
from apps.storage.specs import volume_spec


@handles(VM_CREATE)
def create(run: OperationContext) -> Settle:
    """Disk, ports, definition, power: each there already when an earlier attempt got that far."""
    wait_for_eips(run)
    vm, host, region = load_vm(run)
    make_parts(run, vm, host, region)
    run.step(_("Starting on %(host)s"), past(run, 60), host=host.name)
    switch_on(run, backends.hypervisor(host, run), vm, host)
    return lambda: settle_created(vm, Power.ON)


handles(VM_RETRY)(create)


@handles(VM_FINISH_FIRST_BOOT)
def finish_first_boot(run: OperationContext) -> Settle:
    """Overwrite the seed with one without secrets, then erase them here. The instance id stays the same."""
    vm, host, _region = load_vm(run)
    run.step(_("Removing cloud-init data on %(host)s"), 50, host=host.name)
    backends.hypervisor(host, run).ensure_seed(str(vm.pk), used_seed(vm))
    return lambda: _forget_first_boot(vm)


@handles(VM_DELETE)
def delete(run: OperationContext) -> Settle:
    """The definition first, so that nothing uses disks and ports any more; then those."""
    vm, host, region = load_vm(run)
    run.step(_("Removing from %(host)s"), 20, host=host.name)
    # A host that is certainly off runs nothing. What it still has is found when it is back: it belongs to no VM then.
    off = is_failed(host.name)
    reached_by = None if off else host
    try:
        if not off:
            backends.hypervisor(host, run).ensure_vm_absent(str(vm.pk))
    except DriverError as error:
        raise _with_way_out(error) from error
    run.step(_("Removing from the network"), 50)
    eips = [*vm.bound_eips, *leaving_eips(vm.pk)]
    ensure_ports_absent(backends.fabric(region, run), vm.nics.all(), eips)
    run.no_way_back()
    run.step(_("Removing the system disk"), 70)
    if (disk := vm.system_disk) is not None:
        backends.volumes(disk.cluster, run, host=reached_by).ensure_volume_absent(volume_spec(disk))
    for disk in named_disks(run, vm):
        run.step(_("Removing disk %(disk)s"), 80, disk=disk.name)
        remove_copy_point(run, disk)
        backends.volumes(disk.cluster, run, host=reached_by).ensure_volume_absent(volume_spec(disk))
        forget_disk(disk)
    with_snapshots = run.operation.args.get("with_snapshots", False)
    with_eips = run.operation.args.get("release_eips", False)
    return lambda: settle_deleted(vm, with_snapshots=with_snapshots, with_eips=with_eips)


def _with_way_out(error: DriverError) -> DriverError:
    """Say what is left to do when a host does not answer and may never do so again."""
    if error.code != "host.unreachable":
        return error
    hint = _(
        "Check that the host is up. If the host is permanently lost, an administrator can force clean the VM."
    )
    return DriverError(error.template, code=error.code, values=error.values, hint=hint)


def _forget_first_boot(vm: Vm) -> None:
    Vm.objects.filter(pk=vm.pk).update(sealed_password_hash="", sealed_user_data="", first_boot_done_at=Now())
