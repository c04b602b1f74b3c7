"""What every `Fabric` does of edges, provider networks, external ports and translated addresses."""

from __future__ import annotations

from dataclasses import replace

import pytest

from apps.drivers.protocols import Fabric
from apps.drivers.specs import (
    EdgeSpec,
    ExternalAddress,
    ExternalNetwork,
    ExternalPortSpec,
    PortSpec,
    ProviderNetworkSpec,
    SecurityGroupSpec,
    SubnetSpec,
    TranslatedAddressSpec,
    VpcSpec,
)
from tests.drivers.contracts.fabric import SSH, built, refused
from tests.drivers.samples import (
    a_port,
    a_provider_network,
    a_translated_address,
    a_vpc,
    an_edge,
    an_external_port,
    new_id,
)


def connected(fabric: Fabric) -> tuple[EdgeSpec, ProviderNetworkSpec]:
    edge = an_edge()
    network = a_provider_network(edge)
    fabric.ensure(edge)
    fabric.ensure(network)
    return edge, network


def at(network: ProviderNetworkSpec, number: int = 10) -> ExternalAddress:
    return ExternalAddress(f"203.0.113.{number}", network.id, ("0.0.0.0/0",), mbit_in=20, mbit_out=20)


def translated(
    fabric: Fabric, edge: EdgeSpec, address: ExternalAddress, uplink: int = 7
) -> tuple[VpcSpec, PortSpec, TranslatedAddressSpec]:
    vpc, subnet = built(fabric)
    fabric.ensure(port := a_port(subnet))
    spec = a_translated_address(edge, port, vpc, address, uplink)
    fabric.ensure(spec)
    return vpc, port, spec


class ExternalContract:
    def test_all_of_an_edge_is_in_the_inventory_with_its_generation(self, fabric: Fabric) -> None:
        edge, network = connected(fabric)
        port = replace(an_external_port(edge, at(network)), generation=7, connection_limit=2048)
        fabric.ensure(port)
        _, _, one_to_one = translated(fabric, edge, at(network, 11))

        seen = fabric.inventory()

        assert seen.of(EdgeSpec)[edge.id] == seen.of(ProviderNetworkSpec)[network.id] == 1
        assert seen.of(ExternalPortSpec)[port.id] == 7
        assert seen.of(TranslatedAddressSpec)[one_to_one.id] == 1
        assert port.id not in seen.of(PortSpec)
        assert edge.id not in seen.of(VpcSpec)
        assert seen.connection_limits[port.id] == 2048
        assert seen.unprotected.isdisjoint({edge.id, network.id, port.id, one_to_one.id})

    def test_external_things_may_be_made_twice(self, fabric: Fabric) -> None:
        edge, network = connected(fabric)
        port = an_external_port(edge, at(network))
        for _ in range(2):
            fabric.ensure(edge)
            fabric.ensure(network)
            fabric.ensure(port)
        _, _, one_to_one = translated(fabric, edge, at(network, 11))
        fabric.ensure(one_to_one)
        assert {port.id} <= fabric.inventory().of(ExternalPortSpec).keys()

    def test_a_network_of_an_edge_changes_its_blocks_and_vlan(self, fabric: Fabric) -> None:
        edge, network = connected(fabric)
        more = ExternalNetwork("198.51.100.0/24", "198.51.100.1", "198.51.100.2")
        changed = replace(network, vlan=300, networks=(more,), generation=2)
        fabric.ensure(changed)
        fabric.ensure(replace(edge, hosts=("host-2",), generation=3))
        seen = fabric.inventory()
        assert (seen.of(ProviderNetworkSpec)[network.id], seen.of(EdgeSpec)[edge.id]) == (2, 3)
        assert seen.unprotected.isdisjoint({edge.id, network.id})

    def test_a_provider_network_needs_its_edge(self, fabric: Fabric) -> None:
        with refused("fabric.edge_missing"):
            fabric.ensure(a_provider_network(an_edge()))

    def test_a_vlan_belongs_to_one_provider_network(self, fabric: Fabric) -> None:
        edge, network = connected(fabric)
        other = replace(a_provider_network(edge), physical_network=network.physical_network)
        with refused("fabric.vlan_in_use"):
            fabric.ensure(other)
        fabric.ensure(replace(other, vlan=102))

    def test_an_external_port_needs_edge_group_and_provider_network(self, fabric: Fabric) -> None:
        edge, network = connected(fabric)
        with refused("fabric.edge_missing"):
            fabric.ensure(an_external_port(an_edge()))
        with refused("fabric.security_group_missing"):
            fabric.ensure(an_external_port(edge, group=new_id()))
        elsewhere = replace(at(network), provider_network_id=new_id())
        with refused("fabric.provider_network_missing"):
            fabric.ensure(port := an_external_port(edge, elsewhere))
        assert port.id not in fabric.inventory().of(ExternalPortSpec)

    @pytest.mark.requirement("EI-2")
    def test_an_external_address_is_taken_away_before_another_port_has_it(self, fabric: Fabric) -> None:
        edge, network = connected(fabric)
        first, second = an_external_port(edge, at(network)), an_external_port(edge)
        fabric.ensure(first)
        fabric.ensure(second)
        with refused("fabric.address_in_use"):
            fabric.ensure(replace(second, addresses=(at(network),)))
        fabric.ensure(replace(first, addresses=()))
        fabric.ensure(replace(second, addresses=(at(network),)))
        with refused("fabric.address_in_use"):
            fabric.ensure(first)
        assert fabric.inventory().unprotected.isdisjoint({first.id, second.id})

    def test_a_mac_belongs_to_one_external_port(self, fabric: Fabric) -> None:
        edge, _ = connected(fabric)
        port = an_external_port(edge)
        fabric.ensure(port)
        with refused("fabric.address_in_use"):
            fabric.ensure(replace(an_external_port(edge), mac=port.mac))

    def test_an_address_is_on_a_port_or_translated_but_not_both(self, fabric: Fabric) -> None:
        edge, network = connected(fabric)
        _, _, one_to_one = translated(fabric, edge, at(network))
        port = an_external_port(edge, at(network))
        with refused("fabric.address_in_use"):
            fabric.ensure(port)
        fabric.ensure(replace(one_to_one, address=at(network, 12)))
        fabric.ensure(port)
        with refused("fabric.address_in_use"):
            fabric.ensure(one_to_one)

    def test_a_translated_address_needs_all_that_carries_it(self, fabric: Fabric) -> None:
        edge, network = connected(fabric)
        *_, spec = translated(fabric, edge, at(network))
        for wrong, code in (
            (replace(spec, edge_id=new_id()), "fabric.edge_missing"),
            (replace(spec, vpc_id=a_vpc().id), "fabric.vpc_missing"),
            (replace(spec, inside_ip="10.0.1.77"), "fabric.port_missing"),
        ):
            with refused(code):
                fabric.ensure(wrong)
        assert fabric.inventory().of(TranslatedAddressSpec)[spec.id] == 1

    def test_an_uplink_belongs_to_one_vpc(self, fabric: Fabric) -> None:
        edge, network = connected(fabric)
        _, _, first = translated(fabric, edge, at(network), uplink=9)
        with refused("fabric.uplink_in_use"):
            translated(fabric, edge, at(network, 11), uplink=9)
        fabric.ensure_absent(TranslatedAddressSpec, first.id)
        translated(fabric, edge, at(network, 12), uplink=9)

    def test_what_an_external_thing_needs_is_not_removed(self, fabric: Fabric) -> None:
        edge, network = connected(fabric)
        group = SecurityGroupSpec(new_id(), (SSH,))
        fabric.ensure(group)
        fabric.ensure(port := an_external_port(edge, at(network), group=group.id))
        with refused("fabric.provider_network_in_use"):
            fabric.ensure_absent(ProviderNetworkSpec, network.id)
        with refused("fabric.security_group_in_use"):
            fabric.ensure_absent(SecurityGroupSpec, group.id)
        fabric.ensure(replace(port, addresses=()))
        fabric.ensure_absent(ProviderNetworkSpec, network.id)
        with refused("fabric.edge_in_use"):
            fabric.ensure_absent(EdgeSpec, edge.id)

    def test_external_things_removed_from_the_leaf_to_the_root_leave_nothing(self, fabric: Fabric) -> None:
        edge, network = connected(fabric)
        group = SecurityGroupSpec(new_id(), (SSH,))
        fabric.ensure(group)
        port = an_external_port(edge, at(network), group=group.id)
        fabric.ensure(port)
        vpc, inside, one_to_one = translated(fabric, edge, at(network, 11))
        leaf_to_root = (
            (TranslatedAddressSpec, one_to_one.id),
            (ExternalPortSpec, port.id),
            (ProviderNetworkSpec, network.id),
            (EdgeSpec, edge.id),
            (PortSpec, inside.id),
            (SubnetSpec, inside.subnet_id),
            (SecurityGroupSpec, group.id),
            (VpcSpec, vpc.id),
        )
        for kind, id in (*leaf_to_root, *leaf_to_root):
            fabric.ensure_absent(kind, id)
        seen = fabric.inventory()
        assert not any(id in seen.of(kind) for kind, id in leaf_to_root)
