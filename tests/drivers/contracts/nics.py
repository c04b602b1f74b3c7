"""What every `Hypervisor` does with the NICs of a VM and with the network in its guest.

Subclasses give `hypervisor` and `vm`, a spec whose volumes exist; its guest has no agent.
"""

from dataclasses import replace

import pytest

from apps.drivers.protocols import Hypervisor
from apps.drivers.specs import (
    GATEWAY_V4,
    GATEWAY_V6,
    GuestAddress,
    GuestNetwork,
    GuestNetworkReason,
    GuestNetworkState,
    GuestNic,
    NicAttachment,
    Power,
    VmNics,
    VmSpec,
)
from tests.drivers.contracts.fabric import refused
from tests.drivers.samples import new_id, new_mac


def a_nic(slot: int, **changes: int) -> NicAttachment:
    return NicAttachment(new_id(), new_mac(), slot=slot, **changes)


def with_nics(vm: VmSpec, *nics: NicAttachment) -> VmSpec:
    return replace(vm, nics=nics)


def a_network(mac: str, *addresses: str, generation: int = 1) -> GuestNetwork:
    """The addresses on the NIC with this MAC, replies by the edge."""
    gateways = (GATEWAY_V6 if ":" in address else GATEWAY_V4 for address in addresses)
    found = tuple(GuestAddress(*pair) for pair in zip(addresses, gateways, strict=True))
    return GuestNetwork((GuestNic(mac, found),), generation)


def reported(hypervisor: Hypervisor, vm: VmSpec) -> set[str]:
    """The NICs of the VM that its host reports."""
    (status,) = (each for each in hypervisor.observe().vms if each.id == vm.id)
    assert status.nics is not None
    return set(status.nics)


@pytest.mark.requirement("EN-2")
class NicsContract:
    #: Whether the guest releases a NIC when it is asked.
    guest_answers = True

    def test_an_unknown_vm_has_no_nics_and_gets_none(self, hypervisor: Hypervisor, vm: VmSpec) -> None:
        assert hypervisor.nics(vm.id) == VmNics()
        with refused("hypervisor.vm_missing"):
            hypervisor.ensure_nics(vm)

    def test_nics_are_changed_while_the_vm_is_off_and_are_so_when_it_starts(
        self, hypervisor: Hypervisor, vm: VmSpec
    ) -> None:
        internal, external, elastic = a_nic(0), a_nic(1, mtu=1500), a_nic(4)
        hypervisor.ensure_vm(with_nics(vm, internal, elastic))
        for _ in range(2):
            seen = hypervisor.ensure_nics(with_nics(vm, internal, external))
            assert (seen.running, set(seen.stored)) == ((), {internal.port_id, external.port_id})
        hypervisor.ensure_power(vm.id, Power.ON, boot=1)
        assert set(hypervisor.nics(vm.id).running) == {internal.port_id, external.port_id}
        assert not hypervisor.nics(vm.id).holds(elastic.port_id)

    def test_a_nic_is_plugged_into_a_running_vm_and_stays_at_its_next_start(
        self, hypervisor: Hypervisor, vm: VmSpec
    ) -> None:
        internal, external, elastic = a_nic(0), a_nic(1), a_nic(7)
        hypervisor.ensure_vm(with_nics(vm, internal))
        on = hypervisor.ensure_power(vm.id, Power.ON, boot=1)
        assert hypervisor.nics(vm.id).running == (internal.port_id,)
        for _ in range(2):
            seen = hypervisor.ensure_nics(with_nics(vm, internal, external, elastic))
            assert set(seen.running) == set(seen.stored)
            assert set(seen.running) == {internal.port_id, external.port_id, elastic.port_id}
        assert hypervisor.status(vm.id) == on
        hypervisor.ensure_power(vm.id, Power.OFF)
        assert hypervisor.ensure_power(vm.id, Power.ON, boot=2).power is Power.ON
        assert set(hypervisor.nics(vm.id).running) == set(seen.stored)

    @pytest.mark.requirement("OP-3")
    def test_the_host_reports_the_nics_of_each_vm(self, hypervisor: Hypervisor, vm: VmSpec) -> None:
        internal, elastic = a_nic(0), a_nic(2)
        hypervisor.ensure_vm(with_nics(vm, internal))
        assert reported(hypervisor, vm) == {internal.port_id}
        hypervisor.ensure_power(vm.id, Power.ON, boot=1)
        hypervisor.ensure_nics(with_nics(vm, internal, elastic))
        assert reported(hypervisor, vm) == {internal.port_id, elastic.port_id}

    def test_what_is_unplugged_is_gone_when_the_vm_is_off_at_the_latest_and_its_slot_is_free_then(
        self, hypervisor: Hypervisor, vm: VmSpec
    ) -> None:
        internal, first, second = a_nic(0), a_nic(2), a_nic(2)
        hypervisor.ensure_vm(with_nics(vm, internal, first))
        hypervisor.ensure_power(vm.id, Power.ON, boot=1)
        if self.guest_answers:
            for _ in range(2):
                assert hypervisor.ensure_nics(with_nics(vm, internal)).stored == (internal.port_id,)
        else:
            with refused("hypervisor.nic_slot_taken"):
                hypervisor.ensure_nics(with_nics(vm, internal, second))
        seen = hypervisor.nics(vm.id)
        assert first.port_id not in seen.stored
        assert seen.holds(first.port_id) is not self.guest_answers
        hypervisor.ensure_power(vm.id, Power.OFF)
        assert not hypervisor.nics(vm.id).holds(first.port_id)
        hypervisor.ensure_nics(with_nics(vm, internal, second))
        hypervisor.ensure_power(vm.id, Power.ON, boot=2)
        assert set(hypervisor.nics(vm.id).running) == {internal.port_id, second.port_id}

    def test_a_new_definition_of_the_vm_leaves_plugged_nics_alone(
        self, hypervisor: Hypervisor, vm: VmSpec
    ) -> None:
        internal, elastic = a_nic(0), a_nic(2)
        hypervisor.ensure_vm(with_nics(vm, internal))
        hypervisor.ensure_power(vm.id, Power.ON, boot=1)
        hypervisor.ensure_nics(with_nics(vm, internal, elastic))
        hypervisor.ensure_vm(with_nics(replace(vm, generation=2), internal, elastic))
        seen = hypervisor.ensure_nics(with_nics(vm, internal, elastic))
        assert set(seen.running) == set(seen.stored) == {internal.port_id, elastic.port_id}


@pytest.mark.requirement("EI-3")
class GuestNetworkContract:
    def test_the_network_of_a_guest_needs_a_defined_vm(self, hypervisor: Hypervisor, vm: VmSpec) -> None:
        with refused("hypervisor.vm_missing"):
            hypervisor.ensure_guest_network(vm.id, a_network(new_mac(), "203.0.113.9/32"))

    @pytest.mark.requirement("SE-5")
    @pytest.mark.parametrize(
        "wrong",
        [
            GuestNic("02:00:00:00:00:01; reboot"),
            GuestNic("02:00:00:00:00:01", (GuestAddress("203.0.113.9/32\nn x", GATEWAY_V4),)),
            GuestNic("02:00:00:00:00:01", (GuestAddress("203.0.113.9/32", "$(reboot)"),)),
            GuestNic("02:00:00:00:00:01", (GuestAddress("203.0.113.9/32", GATEWAY_V4, ("-",)),)),
            GuestNic("02:00:00:00:00:01", (GuestAddress("203.0.113.9/32", GATEWAY_V6),)),
            GuestNic("02:00:00:00:00:01", (GuestAddress("fe80::1%eth0/64", GATEWAY_V6),)),
        ],
        ids=range(6),
    )
    def test_what_is_no_address_never_reaches_a_guest(
        self, hypervisor: Hypervisor, vm: VmSpec, wrong: GuestNic
    ) -> None:
        hypervisor.ensure_vm(vm)
        with refused("hypervisor.guest_network_invalid"):
            hypervisor.ensure_guest_network(vm.id, GuestNetwork((wrong,)))

    def test_a_guest_without_an_agent_is_not_configured_and_the_host_says_why(
        self, hypervisor: Hypervisor, vm: VmSpec
    ) -> None:
        nic = a_nic(1)
        network = a_network(nic.mac, "203.0.113.9/32", "2001:db8::9/128", generation=7)
        hypervisor.ensure_vm(with_nics(vm, nic))
        off = hypervisor.status(vm.id)
        for _ in range(2):
            state = hypervisor.ensure_guest_network(vm.id, network)
            assert state == GuestNetworkState(applied=False, reason=GuestNetworkReason.OFF)
        assert hypervisor.status(vm.id) == off
        hypervisor.ensure_power(vm.id, Power.ON, boot=1)
        state = hypervisor.ensure_guest_network(vm.id, network)
        assert state == GuestNetworkState(applied=False, reason=GuestNetworkReason.NO_AGENT)
        status = hypervisor.status(vm.id)
        assert (status.guest_network, status.guest_network_reason) == (0, GuestNetworkReason.NO_AGENT)
        (seen,) = (each for each in hypervisor.observe().vms if each.id == vm.id)
        assert (seen.guest_network, seen.guest_network_reason) == (0, GuestNetworkReason.NO_AGENT)

    def test_a_guest_that_needs_nothing_is_not_asked(self, hypervisor: Hypervisor, vm: VmSpec) -> None:
        nic = a_nic(1)
        hypervisor.ensure_vm(with_nics(vm, nic))
        hypervisor.ensure_power(vm.id, Power.ON, boot=1)
        assert hypervisor.ensure_guest_network(vm.id, a_network(nic.mac, generation=4)).applied
        status = hypervisor.status(vm.id)
        assert (status.guest_network, status.guest_network_reason) == (4, GuestNetworkReason.NONE)

    def test_what_a_guest_shall_have_outlives_a_new_definition_and_a_restart(
        self, hypervisor: Hypervisor, vm: VmSpec
    ) -> None:
        hypervisor.ensure_vm(vm)
        hypervisor.ensure_guest_network(vm.id, a_network(new_mac(), "203.0.113.9/32"))
        hypervisor.ensure_vm(replace(vm, generation=2))
        on = hypervisor.ensure_power(vm.id, Power.ON, boot=1)
        assert on.guest_network_reason is GuestNetworkReason.NO_AGENT
        assert (on.generation, on.guest_network) == (2, 0)
