"""What the agent of a VM's guest is given, from the VM's NICs and EIPs."""

from __future__ import annotations

from ipaddress import ip_address, ip_network
from uuid import uuid4

import pytest

from apps.drivers.specs import GATEWAY_V4, GuestAddress
from apps.network.external_specs import guest_network
from apps.network.models import Eip, ExternalSegment, Nic, NicRole, SegmentAddress, Subnet, Vpc

pytestmark = pytest.mark.requirement("EI-3")

VPC = Vpc(cidr=ip_network("10.0.0.0/16"))
SUBNET = Subnet(vpc=VPC, cidr=ip_network("10.0.1.0/24"), gateway=ip_address("10.0.1.1"))
INTERNAL = Nic(role=NicRole.INTERNAL, mac="02:00:00:00:00:01", subnet=SUBNET, ip=ip_address("10.0.1.11"))
EXTERNAL = Nic(role=NicRole.EXTERNAL, mac="02:00:00:00:00:02")
OWN = GuestAddress("10.0.1.11/24", "10.0.1.1", ("10.0.0.0/16",))


def an_eip(address: str, *routes: str, delivery: str = Eip.Delivery.GUEST) -> Eip:
    segment = ExternalSegment(cidr=ip_network(address), routes=[ip_network(route) for route in routes])
    eip = Eip(segment=segment, delivery=delivery)
    SegmentAddress(segment=segment, ip=ip_address(address), holder=eip)
    return eip


def test_a_guest_without_an_address_of_its_own_is_left_to_dhcp_but_for_what_is_to_be_removed() -> None:
    for eips in ([], [an_eip("203.0.113.9", "0.0.0.0/0", delivery=Eip.Delivery.TRANSLATED)]):
        network = guest_network([INTERNAL, EXTERNAL], eips, generation=4)
        assert (network.generation, network.is_empty) == (4, True)
        assert [nic.mac for nic in network.nics] == [EXTERNAL.mac]


@pytest.mark.requirement("EI-4")
def test_the_vpc_is_reached_by_the_internal_nic_although_an_eip_is_the_egress() -> None:
    eip = an_eip("203.0.113.9", "0.0.0.0/0")
    internal, external = guest_network([INTERNAL, EXTERNAL], [eip], generation=4).nics
    assert (internal.mac, internal.addresses) == (INTERNAL.mac, (OWN,))
    assert external.addresses == (GuestAddress("203.0.113.9/32", GATEWAY_V4, ("0.0.0.0/0",)),)


@pytest.mark.requirement("EI-6")
def test_subnets_with_ipv6_are_reached_by_the_internal_nic_too() -> None:
    vpc = Vpc(pk=uuid4(), cidr=VPC.cidr)
    subnet = Subnet(vpc=vpc, cidr=SUBNET.cidr, gateway=SUBNET.gateway, gateway6=ip_address("fd01::1"))
    subnet.cidr6 = ip_network("fd01::/64")
    other = Subnet(vpc=vpc, cidr6=ip_network("fd02::/64"))
    vpc._prefetched_objects_cache = {"subnets": [subnet, other]}  # type: ignore[attr-defined]
    nic = Nic(
        role=NicRole.INTERNAL, mac=INTERNAL.mac, subnet=subnet, ip=INTERNAL.ip, ip6=ip_address("fd01::b")
    )
    eip = an_eip("2001:db8::9", "::/0")
    internal, external = guest_network([nic, EXTERNAL], [eip], generation=4).nics
    assert internal.addresses == (OWN, GuestAddress("fd01::b/64", "fd01::1", ("fd01::/64", "fd02::/64")))
    assert external.addresses[0].routes == ("::/0",)
    # Without any EIP too: the guest may have no DHCPv6 client.
    alone = guest_network([nic, EXTERNAL], [], generation=4).nics
    assert [each.addresses for each in alone] == [internal.addresses, ()]
