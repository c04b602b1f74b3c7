"""What every `Fabric` does."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest

from apps.drivers.errors import DriverError
from apps.drivers.protocols import Fabric
from apps.drivers.specs import (
    Direction,
    PortSpec,
    RuleAction,
    RulePriority,
    RuleProtocol,
    RuleSpec,
    SecurityGroupSpec,
    SubnetSpec,
    VpcSpec,
)
from tests.drivers.samples import a_port, a_subnet, a_vpc, new_id

SSH = RuleSpec(
    Direction.IN,
    RuleProtocol.TCP,
    RuleAction.ACCEPT,
    RulePriority.MEDIUM,
    "0.0.0.0/0",
    port_min=22,
    port_max=22,
)


def built(fabric: Fabric) -> tuple[VpcSpec, SubnetSpec]:
    vpc = a_vpc()
    subnet = a_subnet(vpc)
    fabric.ensure(vpc)
    fabric.ensure(subnet)
    return vpc, subnet


@contextmanager
def refused(code: str) -> Iterator[None]:
    """Expect a DriverError with this code, and fail with what came instead."""
    with pytest.raises(DriverError) as caught:
        yield
    assert caught.value.code == code, repr(caught.value)


class FabricContract:
    def test_everything_made_is_in_the_inventory_with_its_generation(self, fabric: Fabric) -> None:
        vpc, subnet = built(fabric)
        group = SecurityGroupSpec(new_id(), (SSH,), generation=4)
        fabric.ensure(group)
        port = replace(a_port(subnet, 11, group.id), generation=7)
        fabric.ensure(port)

        seen = fabric.inventory()

        assert seen.of(VpcSpec)[vpc.id] == 1
        assert seen.of(SubnetSpec)[subnet.id] == 1
        assert seen.of(SecurityGroupSpec)[group.id] == 4
        assert seen.of(PortSpec)[port.id] == 7

    def test_every_verb_may_be_repeated(self, fabric: Fabric) -> None:
        vpc, subnet = built(fabric)
        group = SecurityGroupSpec(new_id(), (SSH,))
        port = a_port(subnet, 11, group.id)
        for _ in range(2):
            fabric.ensure(vpc)
            fabric.ensure(subnet)
            fabric.ensure(group)
            fabric.ensure(port)
        assert port.id in fabric.inventory().of(PortSpec)

    @pytest.mark.requirement("CL-6")
    def test_ports_are_bound_to_hosts_and_set_free_whatever_else_they_are(self, fabric: Fabric) -> None:
        _vpc, subnet = built(fabric)
        port = a_port(subnet)
        fabric.ensure(port)
        for hosts in (("host-1", "host-2"), ("host-1", "host-2"), ("host-2",), (), ()):
            fabric.ensure_hosts([port.id, new_id()], hosts)
            fabric.ensure(port)
            assert fabric.inventory().connection_limits[port.id] == port.connection_limit

    def test_a_changed_spec_replaces_the_old_one(self, fabric: Fabric) -> None:
        vpc, subnet = built(fabric)
        port = a_port(subnet)
        fabric.ensure(port)
        fabric.ensure(replace(vpc, generation=2))
        fabric.ensure(replace(subnet, dns=(), generation=3))
        fabric.ensure(replace(port, ip="10.0.1.99", generation=4))

        seen = fabric.inventory()

        assert (
            seen.of(VpcSpec)[vpc.id],
            seen.of(SubnetSpec)[subnet.id],
            seen.of(PortSpec)[port.id],
        ) == (2, 3, 4)
        fabric.ensure(a_port(subnet, 11))

    def test_what_was_made_has_its_limits_and_always_on_rules(self, fabric: Fabric) -> None:
        vpc, subnet = built(fabric)
        port = a_port(subnet)
        fabric.ensure(port)
        fabric.ensure(other := replace(a_port(subnet, 12), connection_limit=2048))

        seen = fabric.inventory()

        assert seen.unprotected.isdisjoint({vpc.id, subnet.id, port.id, other.id})
        assert (seen.connection_limits[port.id], seen.connection_limits[other.id]) == (65_536, 2048)
        fabric.ensure(replace(other, connection_limit=4096))
        fabric.ensure(replace(port, connection_limit=0))
        seen = fabric.inventory()
        assert (seen.connection_limits[port.id], seen.connection_limits[other.id]) == (0, 4096)

    def test_a_subnet_needs_its_vpc(self, fabric: Fabric) -> None:
        with refused("fabric.vpc_missing"):
            fabric.ensure(a_subnet(a_vpc()))

    def test_a_port_needs_its_subnet(self, fabric: Fabric) -> None:
        with refused("fabric.subnet_missing"):
            fabric.ensure(a_port(a_subnet(a_vpc())))

    def test_a_port_needs_its_security_groups(self, fabric: Fabric) -> None:
        _, subnet = built(fabric)
        port = a_port(subnet, 11, new_id())
        with refused("fabric.security_group_missing"):
            fabric.ensure(port)
        assert port.id not in fabric.inventory().of(PortSpec)

    def test_an_address_belongs_to_one_port_of_a_subnet(self, fabric: Fabric) -> None:
        _, subnet = built(fabric)
        port = a_port(subnet, 11)
        fabric.ensure(port)
        with refused("fabric.address_in_use"):
            fabric.ensure(a_port(subnet, 11))
        with refused("fabric.address_in_use"):
            fabric.ensure(replace(a_port(subnet, 12), mac=port.mac))

    @pytest.mark.requirement("NI-4")
    def test_an_ipv6_address_belongs_to_one_port_of_a_subnet(self, fabric: Fabric) -> None:
        vpc = a_vpc()
        subnet = replace(a_subnet(vpc), cidr6="fd99:1::/64", gateway6="fd99:1::1")
        fabric.ensure(vpc)
        for each in (replace(subnet, cidr6="", gateway6=""), subnet):
            fabric.ensure(each)
        port = replace(a_port(subnet), ip6="fd99:1::11")
        fabric.ensure(port)
        with refused("fabric.address_in_use"):
            fabric.ensure(replace(a_port(subnet, 12), ip6=port.ip6))
        fabric.ensure(replace(port, ip6=""))
        fabric.ensure(replace(a_port(subnet, 12), ip6=port.ip6))
        assert fabric.inventory().unprotected.isdisjoint({vpc.id, subnet.id, port.id})

    @pytest.mark.requirement("VP-2")
    def test_an_ipv6_address_needs_a_subnet_with_ipv6(self, fabric: Fabric) -> None:
        _, subnet = built(fabric)
        port = replace(a_port(subnet), ip6="fd99:1::11")
        with refused("fabric.ipv6_missing"):
            fabric.ensure(port)
        fabric.ensure(replace(subnet, cidr6="fd99:1::/64", gateway6="fd99:1::1", generation=2))
        fabric.ensure(port)
        assert fabric.inventory().of(PortSpec)[port.id] == port.generation

    @pytest.mark.requirement("EI-4")
    def test_a_port_loses_its_default_route_and_gets_limits(self, fabric: Fabric) -> None:
        vpc, subnet = built(fabric)
        other = a_subnet(vpc, net="10.0.2")
        fabric.ensure(other)
        port = replace(a_port(subnet), default_route=False, mbit_in=10, mbit_out=20, generation=2)
        fabric.ensure(port)
        fabric.ensure(port)
        fabric.ensure(replace(port, default_route=True, mbit_out=0, generation=3))
        fabric.ensure_absent(SubnetSpec, other.id)
        seen = fabric.inventory()
        assert seen.of(PortSpec)[port.id] == 3
        assert seen.unprotected.isdisjoint({vpc.id, subnet.id, port.id})

    def test_two_vpcs_may_have_the_same_addresses(self, fabric: Fabric) -> None:
        (_, one), (_, other) = built(fabric), built(fabric)
        fabric.ensure(a_port(one, 11))
        fabric.ensure(a_port(other, 11))

    def test_a_network_identifier_belongs_to_one_vpc(self, fabric: Fabric) -> None:
        vpc, _ = built(fabric)
        with refused("fabric.vni_in_use"):
            fabric.ensure(replace(a_vpc(), vni=vpc.vni))

    def test_what_is_in_use_is_not_removed(self, fabric: Fabric) -> None:
        vpc, subnet = built(fabric)
        group = SecurityGroupSpec(new_id())
        fabric.ensure(group)
        fabric.ensure(a_port(subnet, 11, group.id))
        with refused("fabric.vpc_in_use"):
            fabric.ensure_absent(VpcSpec, vpc.id)
        with refused("fabric.subnet_in_use"):
            fabric.ensure_absent(SubnetSpec, subnet.id)
        with refused("fabric.security_group_in_use"):
            fabric.ensure_absent(SecurityGroupSpec, group.id)

    def test_removing_from_the_leaf_to_the_root_leaves_nothing(self, fabric: Fabric) -> None:
        vpc, subnet = built(fabric)
        group = SecurityGroupSpec(new_id(), (SSH,))
        fabric.ensure(group)
        port = a_port(subnet, 11, group.id)
        fabric.ensure(port)
        for _ in range(2):
            fabric.ensure_absent(PortSpec, port.id)
            fabric.ensure_absent(SubnetSpec, subnet.id)
            fabric.ensure_absent(SecurityGroupSpec, group.id)
            fabric.ensure_absent(VpcSpec, vpc.id)

        seen = fabric.inventory()

        assert vpc.id not in seen.of(VpcSpec)
        assert subnet.id not in seen.of(SubnetSpec)
        assert group.id not in seen.of(SecurityGroupSpec)
        assert port.id not in seen.of(PortSpec)

    def test_an_address_is_free_again_once_its_port_is_gone(self, fabric: Fabric) -> None:
        _, subnet = built(fabric)
        port = a_port(subnet, 11)
        fabric.ensure(port)
        fabric.ensure_absent(PortSpec, port.id)
        fabric.ensure(a_port(subnet, 11))

    def test_a_port_changes_its_groups_and_loses_them(self, fabric: Fabric) -> None:
        _, subnet = built(fabric)
        one, other = SecurityGroupSpec(new_id(), (SSH,)), SecurityGroupSpec(new_id())
        fabric.ensure(one)
        fabric.ensure(other)
        port = a_port(subnet, 11, one.id)
        fabric.ensure(port)
        fabric.ensure(replace(port, security_group_ids=(other.id,)))
        fabric.ensure_absent(SecurityGroupSpec, one.id)
        fabric.ensure(replace(port, security_group_ids=()))
        fabric.ensure_absent(SecurityGroupSpec, other.id)
