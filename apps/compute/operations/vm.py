"""What workers do for VMs. Every handler is safe to run again from its top: drivers only ever ensure a state."""

from __future__ import annotations

from uuid import UUID

from django.db import transaction
from django.db.models import F, Prefetch
from django.db.models.functions import Now
from django.utils.translation import gettext_noop as _

from apps.compute.models import Power, Vm
from apps.compute.operations.fencing import fence_if_off
from apps.compute.operations.image_copy import wait_for_copy
from apps.compute.quota import vm_amounts
from apps.compute.specs import vm_spec
from apps.compute.verbs import (
    SHUTDOWN_PATIENCE,
    VM_CREATE,
    VM_DELETE,
    VM_FINISH_FIRST_BOOT,
    VM_POWER_OFF,
    VM_RESTART,
    VM_RESUME,
    VM_RETRY,
    VM_SHUT_DOWN,
    VM_START,
)
from apps.drivers.errors import DriverError
from apps.drivers.protocols import Hypervisor
from apps.drivers.specs import PortSpec, SeedSpec
from apps.drivers.specs import Power as DriverPower
from apps.infrastructure import backends, placement
from apps.infrastructure.models import Host, Region
from apps.infrastructure.space import release_space
from apps.lifecycle import push
from apps.lifecycle.bulk_insert import remove
from apps.lifecycle.handlers import Settle, handles
from apps.lifecycle.models import Resource, State
from apps.lifecycle.operation_context import OperationContext
from apps.network.models import Nic
from apps.network.services.addresses import free_nics
from apps.network.specs import port_spec
from apps.quotas.services import release_quota
from apps.storage.models import Disk, Snapshot
from apps.storage.operations.disk import remove_copy_point, settle_disk_deleted
from apps.storage.specs import volume_spec


@handles(VM_CREATE)
def create(run: OperationContext) -> Settle:
    """Disk, ports, definition, power: each there already when an earlier attempt got that far."""
    vm, host, region = load_vm(run)
    _make_parts(run, vm, host, region)
    run.step(_("Starting on %(host)s"), _past(run, 60), host=host.name)
    _switch_on(run, backends.hypervisor(host, run), vm, host)
    return lambda: _settle_created(vm, Power.ON)


handles(VM_RETRY)(create)


@handles(VM_START)
def start(run: OperationContext) -> Settle:
    """Bring network and definition up to date, then switch on."""
    vm, host, region = load_vm(run)
    run.step(_("Starting on %(host)s"), 30, host=host.name)
    ensure_ports(run, vm, region)
    _switch_on(run, backends.hypervisor(host, run), vm, host)
    return lambda: _settle_power(vm, Power.ON)


@handles(VM_SHUT_DOWN)
def shut_down(run: OperationContext) -> Settle:
    """Ask the guest, and wait until it has done so."""
    vm, host, _region = load_vm(run)
    _ask_guest(run, backends.hypervisor(host, run), vm)
    return lambda: _settle_power(vm, Power.OFF)


@handles(VM_POWER_OFF)
def power_off(run: OperationContext) -> Settle:
    """Take the power away. A VM that was not made to its end is then made, and stays off."""
    vm, host, region = load_vm(run)
    hypervisor = backends.hypervisor(host, run)
    run.step(_("Powering off on %(host)s"), 10, host=host.name)
    run.no_stop_now()  # cancelled after this, the guest would be off all the same
    hypervisor.ensure_power(str(vm.pk), DriverPower.OFF)
    if vm.state != State.READY:
        _make_parts(run, vm, host, region)
        hypervisor.ensure_vm(vm_spec(vm))
        return lambda: _settle_created(vm, Power.OFF)
    return lambda: _settle_power(vm, Power.OFF)


@handles(VM_RESTART)
def restart(run: OperationContext) -> Settle:
    """Shut the guest down, by force if need be, and start it. Done once it runs with the boot number asked for."""
    vm, host, region = load_vm(run)
    hypervisor = backends.hypervisor(host, run)
    seen = hypervisor.status(str(vm.pk))
    if seen.power is DriverPower.ON and seen.boot != vm.boot:
        try:
            _ask_guest(run, hypervisor, vm)
        except DriverError as error:
            if error.code not in (_SHUTDOWN_IGNORED, _PAUSED):
                raise
            run.step(error.template, None, **error.values)
            hypervisor.ensure_power(str(vm.pk), DriverPower.OFF)
    run.no_way_back()  # it is off now: cancelled here, it would stay so
    run.step(_("Starting on %(host)s"), 70, host=host.name)
    ensure_ports(run, vm, region)
    _switch_on(run, hypervisor, vm, host)
    return lambda: _settle_power(vm, Power.ON)


@handles(VM_RESUME)
def resume(run: OperationContext) -> Settle:
    """Let it go on. One that runs by now, or is off, is left as it is."""
    vm, host, _region = load_vm(run)
    run.step(_("Resuming on %(host)s"), 50, host=host.name)
    run.no_stop_now()
    seen = backends.hypervisor(host, run).ensure_resumed(str(vm.pk))
    if seen.paused:
        raise DriverError(
            _("The VM is still paused because the cause remains."),
            code="vm.still_paused",
            permanent=True,
            hint=_(
                "The VM resumes automatically when the cause is resolved. Or restart or power off the VM."
            ),
        )
    power = Power(seen.power.value)
    return lambda: _seen(vm, power)


@handles(VM_FINISH_FIRST_BOOT)
def finish_first_boot(run: OperationContext) -> Settle:
    """Overwrite the seed with one without secrets, then erase them here. The instance id stays the same."""
    vm, host, _region = load_vm(run)
    run.step(_("Removing cloud-init data on %(host)s"), 50, host=host.name)
    backends.hypervisor(host, run).ensure_seed(str(vm.pk), SeedSpec(hostname=vm.hostname))
    return lambda: _forget_first_boot(vm)


@handles(VM_DELETE)
def delete(run: OperationContext) -> Settle:
    """The definition first, so that nothing uses disks and ports any more; then those."""
    vm, host, region = load_vm(run)
    run.step(_("Removing from %(host)s"), 20, host=host.name)
    try:
        backends.hypervisor(host, run).ensure_vm_absent(str(vm.pk))
    except DriverError as error:
        raise _with_way_out(error) from error
    run.step(_("Removing from the network"), 50)
    for nic in vm.nics.all():
        backends.fabric(region, run).ensure_absent(PortSpec, str(nic.pk))
    run.no_way_back()
    run.step(_("Removing the system disk"), 70)
    if (disk := vm.system_disk) is not None:
        backends.volumes(disk.cluster, run, host=host).ensure_volume_absent(volume_spec(disk))
    for disk in named_disks(run, vm):
        run.step(_("Removing disk %(disk)s"), 80, disk=disk.name)
        remove_copy_point(run, disk)
        backends.volumes(disk.cluster, run, host=host).ensure_volume_absent(volume_spec(disk))
        forget_disk(disk)
    with_snapshots = run.operation.args.get("with_snapshots", False)
    return lambda: settle_deleted(vm, with_snapshots=with_snapshots)


_SHUTDOWN_IGNORED = "vm.guest_ignored_shutdown"
_PAUSED = "vm.paused"


def named_disks(run: OperationContext, vm: Vm) -> list[Disk]:
    """Return the data disks of a VM that go with it: those named, and those that were never created to their end."""
    named = run.operation.args.get("delete_disks", ())
    return [disk for disk in vm.data_disks if str(disk.pk) in named or disk.state == State.PENDING]


def forget_disk(disk: Disk) -> None:
    """Remove the rows of a disk whose volume is gone: should the rest fail, none is left without its volume."""
    with transaction.atomic():
        settle_disk_deleted(disk)


def load_vm(run: OperationContext, pk: UUID | None = None) -> tuple[Vm, Host, Region]:
    """Return the operation's VM, or another, with all its drivers need. Its host is set from its first moment on."""
    vm = (
        Vm.objects.select_related("host", "image", "cluster__region")
        .prefetch_related(
            Prefetch("disks", Disk.objects.select_related("cluster")),
            Prefetch("nics", Nic.objects.order_by("role")),
        )
        .get(pk=pk or run.target_id)
    )
    assert vm.host is not None
    return vm, vm.host, vm.cluster.region


def _with_way_out(error: DriverError) -> DriverError:
    """Say what is left to do when a host does not answer and may never do so again."""
    if error.code != "host.unreachable":
        return error
    hint = _(
        "Check that the host is up. If the host is permanently lost, an administrator can force clean the VM."
    )
    return DriverError(error.template, code=error.code, values=error.values, hint=hint)


def _make_parts(run: OperationContext, vm: Vm, host: Host, region: Region) -> None:
    if (disk := vm.system_disk) is not None:
        wait_for_copy(run, disk)
    run.step(_("Creating the system disk on %(host)s"), _past(run, 10), host=host.name)
    if disk is not None:
        backends.volumes(disk.cluster, run, host=host).ensure_volume(volume_spec(disk))
    if data := [disk for disk in vm.data_disks if disk.state == State.PENDING]:
        run.step(_("Creating the data disks"), _past(run, 25))
        for disk in data:
            backends.volumes(disk.cluster, run, host=host).ensure_volume(volume_spec(disk))
    run.step(_("Connecting to the network"), _past(run, 40))
    ensure_ports(run, vm, region)


def _past(run: OperationContext, percent: int) -> int:
    """Return a progress that is not behind what waiting for the image's copy has shown."""
    return max(run.progress, percent)


def ensure_ports(run: OperationContext, vm: Vm, region: Region) -> None:
    """Make the ports of a VM from `load_vm`."""
    for nic in vm.nics.all():
        backends.fabric(region, run).ensure(port_spec(nic, generation=vm.generation))


def _switch_on(run: OperationContext, hypervisor: Hypervisor, vm: Vm, host: Host) -> None:
    hypervisor.ensure_vm(vm_spec(vm))
    fence_if_off(run, hypervisor, vm, host)
    run.no_stop_now()  # cancelled after this, the guest would run all the same
    hypervisor.ensure_power(str(vm.pk), DriverPower.ON, boot=vm.boot)


def _ask_guest(run: OperationContext, hypervisor: Hypervisor, vm: Vm) -> None:
    run.step(_("Requesting a guest shutdown"), 20)
    run.wait_until(
        lambda: _asked(hypervisor, vm) is DriverPower.OFF,
        within=SHUTDOWN_PATIENCE,
        error=DriverError(
            _("The guest did not shut down within %(seconds)s seconds."),
            values={"seconds": int(SHUTDOWN_PATIENCE.total_seconds())},
            code=_SHUTDOWN_IGNORED,
            permanent=True,
            hint=_("Shut down from inside the guest, or power off the VM."),
        ),
    )


def _asked(hypervisor: Hypervisor, vm: Vm) -> DriverPower:
    """Ask the guest once. One that is paused cannot answer, and is not waited for."""
    seen = hypervisor.ensure_power(str(vm.pk), DriverPower.OFF, graceful=True)
    if seen.paused:
        raise DriverError(
            _("The guest is paused and cannot shut down."),
            code=_PAUSED,
            permanent=True,
            hint=_("Restart or power off the VM."),
        )
    return seen.power


def _settle_power(vm: Vm, power: Power) -> None:
    Vm.objects.filter(pk=vm.pk).update(power=power)
    _seen(vm, power)


def _seen(vm: Vm, power: Power) -> None:
    """Note what an operation has just seen. Should the host pause it again, the next report says so."""
    Vm.objects.filter(pk=vm.pk).update(power_seen=power, pause_reason="", power_seen_at=Now())


def _forget_first_boot(vm: Vm) -> None:
    Vm.objects.filter(pk=vm.pk).update(sealed_password_hash="", sealed_user_data="", first_boot_done_at=Now())


def _settle_created(vm: Vm, power: Power) -> None:
    _settle_power(vm, power)
    made = Resource.objects.filter(as_disk__vm=vm, state=State.PENDING)
    made.update(state=State.READY, observed_generation=F("generation"))


def settle_deleted(vm: Vm, *, with_snapshots: bool = True) -> None:
    """Remove the rows of a VM from `load_vm` and of its system disk; give quota, addresses and room back.

    Data disks are detached and stay. with_snapshots: False where it is known that there are none.
    Call in a transaction. Locks in the order everybody keeps: resources, quota, host, storage.
    """
    disk = vm.system_disk
    snapshots = list(Snapshot.objects.filter(disk=disk)) if disk and with_snapshots else []
    _detach_data_disks(vm)
    free_nics(vm)
    remove([*snapshots, *([disk] if disk else []), vm])
    if vm.tenant_id is not None:
        amounts = vm_amounts(vm.need, disk.size_gib if disk else 0)
        release_quota(vm.tenant_id, {**amounts, "snapshot": len(snapshots)} if snapshots else amounts)
    placement.release(vm.host_id, vm.need)
    if disk:
        release_space(disk.cluster_id, disk.size_gib)


def _detach_data_disks(vm: Vm) -> None:
    kept = list(Disk.objects.filter(vm=vm, role=Disk.Role.DATA)) if vm.data_disks else []
    Disk.objects.filter(pk__in=[disk.pk for disk in kept]).update(vm=None, slot=None)
    for disk in kept:
        push.resource_changed(disk)
