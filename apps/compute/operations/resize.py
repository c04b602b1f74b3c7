"""Resizing VMs. Every handler is safe to run again from its top."""

from __future__ import annotations

from dataclasses import replace

from django.utils.translation import gettext_noop as _

from apps.compute.models import Vm
from apps.compute.operations.fencing import fence_disks
from apps.compute.operations.parts import load_vm
from apps.compute.operations.sizes import apply_resize, take_resize
from apps.compute.specs import vm_spec
from apps.compute.verbs import VM_HOT_ADD, VM_RESIZE
from apps.drivers.errors import DriverError
from apps.drivers.protocols import Hypervisor
from apps.drivers.specs import PoolKind, Power, VmSpec
from apps.infrastructure import backends
from apps.infrastructure.models import Host
from apps.lifecycle.handlers import Settle, handles
from apps.lifecycle.models.operation import Stopping
from apps.lifecycle.operation_context import OperationContext

#: Not known whether it has been done.
UNKNOWN = "hypervisor.slow"


@handles(VM_RESIZE)
def resize(run: OperationContext) -> None:
    """Give a VM that is off its new size, on the host it was placed on. One that runs gets it at its next start."""
    vm, host, _region = load_vm(run)
    if vm.is_on or _runs(run, vm, host):
        if vm.resize_host_id is not None:
            raise DriverError(
                _("The VM is running. It cannot move to another host."),
                code="vm.not_off",
                permanent=True,
                hint=_("Stop the VM, then resize it."),
            )
        run.step(_("The VM is running. It gets the new size at its next restart."))
        return
    if vm.resize_host_id is not None:
        _leave(run, vm, host)
    run.step(_("Resizing"), 60)
    apply_resize(run, vm)
    assert vm.host is not None
    backends.hypervisor(vm.host, run).ensure_vm(vm_spec(vm))


@handles(VM_HOT_ADD)
def hot_add(run: OperationContext) -> Settle:
    """Add vCPUs and memory to a VM that runs.

    From the first call on it may have them, whoever pushes the operation aside: the size is dropped only where the host
    says that it has not (`given_up.forget_hot_add`).
    """
    vm, host, _region = load_vm(run)
    run.step(_("Adding vCPUs and memory"), 30)
    run.no_way_back()
    hypervisor = backends.hypervisor(host, run)
    try:
        hypervisor.ensure_size(_grown(vm))
    except DriverError as error:
        if (error.permanent or run.late) and error.code != UNKNOWN and _has_old_size(hypervisor, vm):
            run.write(stopping=Stopping.NOT_NOW)
        raise
    return lambda: take_resize(vm)


def _runs(run: OperationContext, vm: Vm, host: Host) -> bool:
    return backends.hypervisor(host, run).status(str(vm.pk)).power is Power.ON


def _leave(run: OperationContext, vm: Vm, host: Host) -> None:
    """Remove a VM that is off from its host, once it is known that the next one reaches its disks."""
    assert vm.resize_host_id is not None
    target = Host.objects.get(pk=vm.resize_host_id)
    run.step(_("Moving to %(host)s"), 20, host=target.name)
    _ensure_reaches_disks(run, vm, target)
    run.no_way_back()  # cancelled after this, it would be on no host
    backends.hypervisor(host, run).ensure_vm_absent(str(vm.pk))
    fence_disks(run, [disk for disk in vm.disks.all() if disk.cluster.driver in backends.POOL_FENCES], host)


def _ensure_reaches_disks(run: OperationContext, vm: Vm, host: Host) -> None:
    for disk in vm.disks.all():
        seen = backends.volumes(disk.cluster, run, host=host).observe(disk.cluster.spec())
        if str(disk.pk) not in seen.of(PoolKind.VOLUME):
            raise DriverError(
                _("Host %(host)s cannot reach disk %(disk)s."),
                values={"host": host.name, "disk": disk.name},
                code="vm.disk_out_of_reach",
                permanent=True,
                hint=_("Mount the disk’s storage cluster on the host, or choose a smaller instance type."),
            )


def _grown(vm: Vm) -> VmSpec:
    """Return a VM from `load_vm` with the size that it is to get, if that has not been written yet."""
    spec = vm_spec(vm)
    if vm.resize is None:
        return spec
    new = vm.resize
    return replace(spec, vcpu=new.vcpu, memory_mib=new.memory_mib, cpu_percent=new.vcpu * 100)


def _has_old_size(hypervisor: Hypervisor, vm: Vm) -> bool:
    """Whether it is known that the VM has got nothing."""
    try:
        size = hypervisor.size(str(vm.pk))
    except DriverError:
        return False
    return size.vcpu <= vm.vcpu and size.memory_mib <= vm.memory_mib
