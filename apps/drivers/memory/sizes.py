"""The size of a pretend VM."""

from apps.drivers.hypervisor_errors import no_head_room
from apps.drivers.memory.records import MemoryVm
from apps.drivers.specs import Power, VmSize, VmSpec


def started(spec: VmSpec) -> VmSize:
    """Return the size of a VM that is started from `spec`."""
    most = (spec.most_vcpu, spec.most_memory_mib) if spec.can_grow else (spec.vcpu, spec.memory_mib)
    return VmSize(spec.vcpu, spec.memory_mib, *most)


def grown(vm: MemoryVm, spec: VmSpec) -> VmSize:
    """Return the size of a VM that has been brought up to `spec`, never down. Raises DriverError."""
    if vm.power is Power.OFF:
        return VmSize()
    now = vm.size
    if spec.vcpu > now.most_vcpu or spec.memory_mib > now.most_memory_mib:
        raise no_head_room(spec.id, now.most_vcpu, now.most_memory_mib)
    return VmSize(
        max(now.vcpu, spec.vcpu),
        max(now.memory_mib, spec.memory_mib),
        now.most_vcpu,
        now.most_memory_mib,
    )
