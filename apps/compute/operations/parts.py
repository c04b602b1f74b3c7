"""What several operations of VMs do: read a VM with all it needs, make its parts, start it."""

from __future__ import annotations

from uuid import UUID

from django.db.models import Prefetch
from django.utils.translation import gettext_noop as _

from apps.compute.models import Vm
from apps.compute.operations.fencing import fence_if_off
from apps.compute.operations.image_copy import wait_for_copy
from apps.compute.operations.sizes import apply_resize
from apps.compute.operations.whereabouts import settle_whereabouts
from apps.compute.specs import vm_guest_network, vm_spec
from apps.drivers.protocols import Hypervisor
from apps.drivers.specs import Power as DriverPower
from apps.infrastructure import backends
from apps.infrastructure.models import Host, Region
from apps.lifecycle.models import State
from apps.lifecycle.operation_context import OperationContext
from apps.network.models import Eip, Nic
from apps.network.operations import ports
from apps.network.selectors import elastic_nics
from apps.storage.models import Disk
from apps.storage.specs import volume_spec


def load_vm(run: OperationContext, pk: UUID | None = None) -> tuple[Vm, Host, Region]:
    """Return the operation's VM, or another, with all its drivers need. Its host is set from its first moment on.

    Of a VM whose migration was pushed aside, both hosts are asked first where it is.
    """
    vm, host, region = read_vm(pk or run.target_id)
    if vm.next_host is not None:
        settle_whereabouts(run, vm, region)
        vm, host, region = read_vm(vm.pk)
    return vm, host, region


def read_vm(pk: UUID) -> tuple[Vm, Host, Region]:
    """Return a VM with all its drivers need, as its rows say. The host it moves to, which few have, is read apart."""
    vm = (
        Vm.objects.select_related("host", "image", "cluster__region")
        .prefetch_related(
            Prefetch("disks", Disk.objects.select_related("cluster")),
            Prefetch("nics", Nic.objects.select_related("subnet__vpc").order_by("-role")),
            Prefetch("elastic_nics", elastic_nics()),
            Prefetch("eips", Eip.objects.select_related("segment", "segment_address")),
        )
        .get(pk=pk)
    )
    assert vm.host is not None
    return vm, vm.host, vm.cluster.region


def make_parts(run: OperationContext, vm: Vm, host: Host, region: Region) -> None:
    """Make the disks and ports of a VM from `load_vm`, its image's copy first."""
    if (disk := vm.system_disk) is not None:
        wait_for_copy(run, disk)
    run.step(_("Creating the system disk on %(host)s"), past(run, 10), host=host.name)
    if disk is not None:
        backends.volumes(disk.cluster, run, host=host).ensure_volume(volume_spec(disk))
    if data := [disk for disk in vm.data_disks if disk.state == State.PENDING]:
        run.step(_("Creating the data disks"), past(run, 25))
        for disk in data:
            backends.volumes(disk.cluster, run, host=host).ensure_volume(volume_spec(disk))
    run.step(_("Connecting to the network"), past(run, 40))
    ensure_ports(run, vm, region)


def past(run: OperationContext, percent: int) -> int:
    """Return a progress that is not behind what waiting for the image's copy has shown."""
    return max(run.progress, percent)


def ensure_ports(run: OperationContext, vm: Vm, region: Region) -> None:
    """Make the ports of a VM from `load_vm`."""
    fabric = backends.fabric(region, run)
    ports.ensure_ports(fabric, vm.nics.all(), vm.bound_eips, generation=vm.generation)


def tell_guest(hypervisor: Hypervisor, vm: Vm) -> None:
    """Have the host of a VM from `load_vm` configure the guest, now or once it is up."""
    hypervisor.ensure_guest_network(str(vm.pk), vm_guest_network(vm))
    Vm.objects.filter(pk=vm.pk, guest_behind=True).update(guest_behind=False)


def switch_on(run: OperationContext, hypervisor: Hypervisor, vm: Vm, host: Host) -> None:
    """Define a VM from `load_vm` and start it, with the size that was prepared for it.

    Its host configures the guest's network once the guest is up.
    """
    if vm.resize is not None and hypervisor.status(str(vm.pk)).power is DriverPower.OFF:
        apply_resize(run, vm)
    spec = vm_spec(vm)
    hypervisor.ensure_vm(spec)
    has_ipv6 = any(nic.ip6 for nic in vm.nics.all())
    if vm.bound_eips or has_ipv6 or vm.state != State.PENDING:
        tell_guest(hypervisor, vm)
    fence_if_off(run, hypervisor, vm, host)
    run.no_stop_now()  # cancelled after this, the guest would run all the same
    status = hypervisor.ensure_power(str(vm.pk), DriverPower.ON, boot=vm.boot)
    if status.boot == vm.boot and (vm.hot_vcpu, vm.hot_memory_mib) != (spec.most_vcpu, spec.most_memory_mib):
        most = {"hot_vcpu": spec.most_vcpu, "hot_memory_mib": spec.most_memory_mib}
        Vm.objects.filter(pk=vm.pk).update(**most)
