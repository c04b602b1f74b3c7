"""The NICs of a pretend VM, and what its guest agent has configured on them."""

from dataclasses import replace

from apps.drivers.guest_network import lines_of
from apps.drivers.hypervisor_errors import taken_nic_slot
from apps.drivers.memory.records import MemoryVm
from apps.drivers.specs import (
    GuestNetwork,
    GuestNetworkReason,
    GuestNetworkState,
    NicAttachment,
    Power,
    VmNics,
)


def bring_up(vm: MemoryVm, nics: tuple[NicAttachment, ...]) -> MemoryVm:
    """Return the VM with these NICs in its definition and, running, as far as its guest has released the others."""
    vm = replace(vm, spec=replace(vm.spec, nics=nics))
    if vm.power is Power.OFF:
        return vm
    wanted = {nic.port_id: nic for nic in nics}
    stuck = tuple(nic for nic in vm.live_nics if nic.port_id not in wanted and not vm.releases)
    plugged = {nic.port_id for nic in vm.live_nics}
    free = {nic.slot for nic in stuck}
    return replace(
        vm,
        live_nics=(*(nic for nic in nics if nic.port_id in plugged or nic.slot not in free), *stuck),
    )


def refuse_taken_slots(vm: MemoryVm) -> None:
    """Raise `DriverError` when a NIC of the definition finds its place taken."""
    live = {nic.port_id for nic in vm.live_nics}
    if vm.power is Power.ON:
        for nic in vm.spec.nics:
            if nic.port_id not in live:
                raise taken_nic_slot(vm.spec.id, nic.slot)


def nics_of(vm: MemoryVm) -> VmNics:
    """Return the NICs of the VM."""
    return VmNics(
        running=tuple(nic.port_id for nic in vm.live_nics),
        stored=tuple(nic.port_id for nic in vm.spec.nics),
    )


def reported(vm: MemoryVm) -> tuple[str, ...]:
    """Return the NICs of the VM as its host reports them."""
    seen = nics_of(vm)
    return seen.running if vm.power is Power.ON else seen.stored


def configured(vm: MemoryVm, network: GuestNetwork) -> tuple[MemoryVm, GuestNetworkState]:
    """Return the VM that keeps what its guest shall have, and how it is."""
    lines_of(network)
    vm = replace(vm, network=network)
    return vm, state_of(vm)


def state_of(vm: MemoryVm) -> GuestNetworkState:
    """Return how the network in the guest is now."""
    if vm.network is None:
        return GuestNetworkState(applied=False)
    reason = GuestNetworkReason.NONE if vm.network.is_empty else _reason(vm)
    return GuestNetworkState(applied=not reason, reason=reason)


def _reason(vm: MemoryVm) -> GuestNetworkReason:
    if vm.power is Power.OFF:
        return GuestNetworkReason.OFF
    if vm.paused:
        return GuestNetworkReason.PAUSED
    if not vm.guest_agent:
        return GuestNetworkReason.NO_AGENT
    return vm.network_refused
