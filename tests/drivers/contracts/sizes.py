"""What every `Hypervisor` does with the size of a VM: `hypervisor` and `vm` as for `HypervisorContract`."""

from dataclasses import replace

import pytest

from apps.drivers.protocols import Hypervisor
from apps.drivers.specs import Power, VmSize, VmSpec
from tests.drivers.contracts.fabric import refused
from tests.drivers.samples import new_id


def growing(vm: VmSpec, vcpu: int = 1, memory_mib: int = 128) -> VmSpec:
    """The VM with room to grow to 4 vCPUs and 1 GiB."""
    return replace(
        vm, vcpu=vcpu, memory_mib=memory_mib, cpu_percent=100 * vcpu, most_vcpu=4, most_memory_mib=1024
    )


@pytest.mark.requirement("VM-7")
class SizesContract:
    """Its VMs need not do anything but run."""

    def test_a_vm_that_does_not_run_has_no_size(self, hypervisor: Hypervisor, vm: VmSpec) -> None:
        assert hypervisor.size(new_id()) == VmSize()
        hypervisor.ensure_vm(growing(vm))
        assert hypervisor.size(vm.id) == VmSize()

    def test_a_running_vm_grows_and_is_so_large_after_its_next_start(
        self, hypervisor: Hypervisor, vm: VmSpec
    ) -> None:
        hypervisor.ensure_vm(growing(vm))
        hypervisor.ensure_power(vm.id, Power.ON, boot=1)
        assert hypervisor.size(vm.id) == VmSize(1, 128, 4, 1024)
        for _ in range(2):
            wanted = replace(growing(vm, 3, 512), generation=2)
            assert hypervisor.ensure_size(wanted) == VmSize(3, 512, 4, 1024)
        status = hypervisor.status(vm.id)
        assert (status.power, status.boot, status.generation) == (Power.ON, 1, 2)
        hypervisor.ensure_power(vm.id, Power.OFF)
        hypervisor.ensure_power(vm.id, Power.ON, boot=2)
        assert hypervisor.size(vm.id) == VmSize(3, 512, 4, 1024)

    def test_vcpus_or_memory_grow_alone_and_again(self, hypervisor: Hypervisor, vm: VmSpec) -> None:
        hypervisor.ensure_vm(growing(vm))
        hypervisor.ensure_power(vm.id, Power.ON, boot=1)
        assert hypervisor.ensure_size(growing(vm, 2, 128)) == VmSize(2, 128, 4, 1024)
        assert hypervisor.ensure_size(growing(vm, 2, 384)) == VmSize(2, 384, 4, 1024)
        assert hypervisor.ensure_size(growing(vm, 4, 640)) == VmSize(4, 640, 4, 1024)

    def test_a_running_vm_never_shrinks_before_its_next_start(
        self, hypervisor: Hypervisor, vm: VmSpec
    ) -> None:
        hypervisor.ensure_vm(growing(vm, 2, 256))
        hypervisor.ensure_power(vm.id, Power.ON, boot=1)
        assert hypervisor.ensure_size(growing(vm)) == VmSize(2, 256, 4, 1024)
        hypervisor.ensure_power(vm.id, Power.OFF)
        hypervisor.ensure_power(vm.id, Power.ON, boot=2)
        assert hypervisor.size(vm.id) == VmSize(1, 128, 4, 1024)

    @pytest.mark.parametrize(("vcpu", "memory_mib"), [(5, 128), (1, 1152), (5, 1152)])
    def test_more_than_it_was_started_to_grow_to_is_refused_and_nothing_changes(
        self, hypervisor: Hypervisor, vm: VmSpec, vcpu: int, memory_mib: int
    ) -> None:
        hypervisor.ensure_vm(growing(vm))
        hypervisor.ensure_power(vm.id, Power.ON, boot=1)
        with refused("hypervisor.no_head_room"):
            hypervisor.ensure_size(growing(vm, vcpu, memory_mib))
        assert hypervisor.size(vm.id) == VmSize(1, 128, 4, 1024)

    def test_a_vm_that_was_started_without_room_to_grow_stays_as_it_is(
        self, hypervisor: Hypervisor, vm: VmSpec
    ) -> None:
        hypervisor.ensure_vm(vm)
        hypervisor.ensure_power(vm.id, Power.ON, boot=1)
        assert hypervisor.size(vm.id) == VmSize(1, 128, 1, 128)
        with refused("hypervisor.no_head_room"):
            hypervisor.ensure_size(growing(vm, 2, 256))
        assert hypervisor.size(vm.id) == VmSize(1, 128, 1, 128)

    @pytest.mark.requirement("VM-6")
    def test_a_vm_that_is_off_or_unknown_is_defined_with_the_size(
        self, hypervisor: Hypervisor, vm: VmSpec
    ) -> None:
        for size in (2, 1):
            assert hypervisor.ensure_size(growing(vm, size, 128 * size)) == VmSize()
        hypervisor.ensure_power(vm.id, Power.ON, boot=1)
        assert hypervisor.size(vm.id) == VmSize(1, 128, 4, 1024)
