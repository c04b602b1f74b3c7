"""VMs as drivers see them."""

from __future__ import annotations

from dataclasses import replace

from apps.accounts.secrets import unseal
from apps.compute.models import Vm
from apps.compute.models.instance_type import MOST_VCPU
from apps.compute.models.reinstallation import Reinstallation
from apps.drivers.specs import (
    EXTERNAL_SLOT,
    INTERNAL_SLOT,
    Architecture,
    Firmware,
    GuestNetwork,
    OsFamily,
    SeedNic,
    SeedSpec,
    VmSpec,
)
from apps.infrastructure.need import Need
from apps.network.egress import leaves_in_guest
from apps.network.elastic_specs import eni_attachment, eni_guest_nic, eni_seed_nic
from apps.network.external_specs import guest_network, in_guest
from apps.network.models import Eni, NicRole, Vpc
from apps.network.specs import nic_attachment
from apps.storage.specs import disk_attachment

#: A VM can grow to so many times its size while it runs, and at least to so much. QEMU's address space holds no more.
GROWS, LEAST_GROWN_VCPU, LEAST_GROWN_MIB = 4, 8, 16 << 10
MOST_GROWN_MIB = 512 << 10


def vm_spec(vm: Vm) -> VmSpec:
    """Return a VM whose disks (with their clusters) and NICs have been prefetched, cluster and image selected."""
    # The first is booted from. The order gives the devices their names, so it is the same at every start.
    most = most_size(vm)
    disks = [*([vm.system_disk] if vm.system_disk else []), *vm.data_disks]
    plugged = [*map(nic_attachment, vm.nics.all()), *map(eni_attachment, vm.elastic_nics.all())]
    nics = sorted(plugged, key=lambda nic: nic.slot)
    return VmSpec(
        id=str(vm.pk),
        name=vm.name,
        vcpu=vm.vcpu,
        memory_mib=vm.memory_mib,
        disks=tuple(disk_attachment(disk) for disk in disks),
        nics=tuple(nics),
        seed=seed_spec(vm),
        uid=vm.guest_uid,
        # Each vCPU may use one physical thread in full and no more, whatever else its threads in QEMU do.
        cpu_percent=vm.vcpu * 100,
        generation=vm.generation,
        os_family=OsFamily(vm.image.os_family) if vm.image else OsFamily.LINUX,
        architecture=Architecture(vm.cluster.architecture),
        most_vcpu=most.vcpu,
        most_memory_mib=most.memory_mib,
        firmware=Firmware(vm.firmware),
    )


def most_size(vm: Vm) -> Need:
    """Return up to what a VM can grow while it runs, once it has been started: nothing, where its image cannot.

    QEMU adds no vCPUs to Arm machines.
    """
    nothing = Need(0, 0)
    if vm.image is None or not vm.image.hot_upgrade:
        return nothing
    if vm.cluster.architecture != Architecture.X86 or vm.memory_mib >= MOST_GROWN_MIB:
        return nothing
    return Need(
        max(vm.vcpu, min(MOST_VCPU, max(GROWS * vm.vcpu, LEAST_GROWN_VCPU))),
        min(MOST_GROWN_MIB, max(GROWS * vm.memory_mib, LEAST_GROWN_MIB)),
    )


def reinstalled_spec(vm: Vm, to: Reinstallation) -> VmSpec:
    """Return a VM, prefetched as for `vm_spec`, with its new system disk and first-boot data."""
    disks = (disk_attachment(to.disk), *map(disk_attachment, vm.data_disks))
    seed = SeedSpec(
        hostname=vm.hostname,
        nics=_seed_nics(vm),
        password_hash=unseal(to.sealed_password_hash) if to.sealed_password_hash else "",
        ssh_keys=tuple(to.ssh_keys),
        user_data=unseal(to.sealed_user_data) if to.sealed_user_data else "",
    )
    return replace(
        vm_spec(vm),
        disks=disks,
        seed=seed,
        os_family=OsFamily(to.image.os_family),
        firmware=Firmware(to.image.firmware),
    )


def seed_spec(vm: Vm) -> SeedSpec:
    """Return the first-boot data of a VM; once it has been used, host name and NICs are all that is left."""
    if vm.first_boot_done_at is not None:
        return used_seed(vm)
    return SeedSpec(
        hostname=vm.hostname,
        nics=_seed_nics(vm),
        password_hash=unseal(vm.sealed_password_hash) if vm.sealed_password_hash else "",
        ssh_keys=tuple(vm.ssh_keys),
        user_data=unseal(vm.sealed_user_data) if vm.sealed_user_data else "",
    )


def used_seed(vm: Vm) -> SeedSpec:
    """Return what is left of the first-boot data of a VM whose guest has read them."""
    return SeedSpec(hostname=vm.hostname, nics=_seed_nics(vm))


def without_nic(spec: VmSpec, port_id: str) -> VmSpec:
    """Return a VM without a NIC."""
    return replace(spec, nics=tuple(nic for nic in spec.nics if nic.port_id != port_id))


def vm_guest_network(vm: Vm, *, but: Eni | None = None) -> GuestNetwork:
    """Return what the guest agent of a VM configures; its EIPs and elastic NICs have been prefetched.

    `but`: without this one, which leaves the VM.
    """
    elastic = [eni_guest_nic(each, _home(vm)) for each in vm.elastic_nics.all() if each != but]
    return guest_network(vm.nics.all(), vm.bound_eips, elastic, generation=vm.generation)


def _home(vm: Vm) -> Vpc | None:
    """Return the VPC of a VM's internal NIC."""
    return next((nic.subnet.vpc for nic in vm.nics.all() if nic.subnet is not None), None)


def _seed_nics(vm: Vm) -> tuple[SeedNic, ...]:
    """Return the NICs that the guest configures by DHCP; the external one has an answer only with an IPv4 address."""
    eips = vm.bound_eips
    answered = any(eip.version == 4 for eip in in_guest(eips))
    found = []
    for nic in vm.nics.all():
        if nic.role == NicRole.INTERNAL:
            found.append(SeedNic(nic.mac, INTERNAL_SLOT, dhcp6=nic.ip6 is not None))
        elif nic.role == NicRole.EXTERNAL and answered:
            found.append(SeedNic(nic.mac, EXTERNAL_SLOT, is_egress=leaves_in_guest(eips)))
    elastic = (eni_seed_nic(each) for each in vm.elastic_nics.all())
    found += [seed for seed in elastic if seed is not None]
    return tuple(sorted(found, key=lambda nic: nic.slot))
