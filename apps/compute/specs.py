"""VMs as drivers see them."""

from __future__ import annotations

from apps.accounts.secrets import unseal
from apps.compute.models import Vm
from apps.drivers.specs import Architecture, OsFamily, SeedSpec, VmSpec
from apps.network.specs import nic_attachment
from apps.storage.specs import disk_attachment


def vm_spec(vm: Vm) -> VmSpec:
    """Return a VM whose disks (with their clusters) and NICs have been prefetched, cluster and image selected."""
    # The first is booted from. The order gives the devices their names, so it is the same at every start.
    disks = [*([vm.system_disk] if vm.system_disk else []), *vm.data_disks]
    nics = sorted(vm.nics.all(), key=lambda nic: nic.role, reverse=True)
    return VmSpec(
        id=str(vm.pk),
        name=vm.name,
        vcpu=vm.vcpu,
        memory_mib=vm.memory_mib,
        disks=tuple(disk_attachment(disk) for disk in disks),
        nics=tuple(nic_attachment(nic) for nic in nics),
        seed=seed_spec(vm),
        uid=vm.guest_uid,
        # Each vCPU may use one physical thread in full and no more, whatever else its threads in QEMU do.
        cpu_percent=vm.vcpu * 100,
        generation=vm.generation,
        os_family=OsFamily(vm.image.os_family) if vm.image else OsFamily.LINUX,
        architecture=Architecture(vm.cluster.architecture),
    )


def seed_spec(vm: Vm) -> SeedSpec:
    """Return the first-boot data of a VM; once it has been used, its host name is all that is left."""
    if vm.first_boot_done_at is not None:
        return SeedSpec(hostname=vm.hostname)
    return SeedSpec(
        hostname=vm.hostname,
        password_hash=unseal(vm.sealed_password_hash) if vm.sealed_password_hash else "",
        ssh_keys=tuple(vm.ssh_keys),
        user_data=unseal(vm.sealed_user_data) if vm.sealed_user_data else "",
    )
