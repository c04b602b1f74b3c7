"""What a guest on the edge or in a VPC cannot do, whatever it sends; and IPv6 in a VPC, which must go on beside it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace

import pytest
from onebox.outside_networks import DATACENTRE
from onebox.shell import wait_until

from apps.drivers.specs import GATEWAY_V4
from tests.drivers.netns import NetnsGuest, netns_guest
from tests.drivers.ovn_tidy import TidyFabric, tidy_fabric
from tests.drivers.samples import a_port, a_subnet, a_vpc
from tests.network.edge_site import EdgeSite, edge_site, namespace_of
from tests.network.packets import SEND_FORGED, catching
from tests.onebox_fixtures import Onebox

pytestmark = [pytest.mark.real, pytest.mark.timeout(240)]

#: How many kinds of forged frames `SEND_FORGED` sends.
KINDS = 24
OUTSIDE = "198.51.100.10"


@pytest.fixture
def fabric(onebox: Onebox) -> Iterator[TidyFabric]:
    with tidy_fabric(onebox.ovn_northbound) as connected:
        yield connected


@pytest.fixture
def site(onebox: Onebox, fabric: TidyFabric) -> Iterator[EdgeSite]:
    with edge_site(onebox, fabric) as made, made.stack:
        yield made


@pytest.mark.requirement("SE-10")
@pytest.mark.requirement("NI-2")
def test_nothing_forged_leaves_a_guest_on_the_edge(site: EdgeSite) -> None:
    sly = site.started("203.0.113.10", "2001:db8:101::10")
    beside = site.started("203.0.113.20", "2001:db8:101::20")
    far = site.started("203.0.113.30", "2001:db8:101::30", host=1)
    places = [
        site.gateway().command(()),
        site.gateway(DATACENTRE).command(()),
        namespace_of(beside),
        namespace_of(far),
    ]
    with catching(*places) as caught:
        arguments = [sly.port.mac, site.edge.mac, "203.0.113.10", "2001:db8:101::10"]
        arguments += ["203.0.113.20", "2001:db8:101::20", beside.port.mac, OUTSIDE, GATEWAY_V4]
        assert sly.exec("python3", "-c", SEND_FORGED, *arguments).strip() == str(KINDS)
        wait_until(lambda: "EDGEND" in caught[0].tags, "the honest frame after them", seconds=10)
    # Without addresses a port sends nothing at all, honest frames included.
    site.bind(sly)
    site.box.northbound("--wait=hv", "sync")
    with catching(*places) as silent:
        sly.exec("python3", "-c", SEND_FORGED, *arguments)
        beside.exec("ping", "-c", "1", "-W", "2", OUTSIDE)
    assert [each.tags for each in caught] == [{"EDGEND"}, set(), set(), set()]
    assert [each.tags for each in silent] == [set()] * 4


@pytest.mark.requirement("SE-10")
def test_advertisements_of_guests_stay_forbidden_when_ovn_or_open_vswitch_start_again(
    onebox: Onebox,
) -> None:
    host = onebox.hosts[1]

    def forbidden() -> bool:
        flows = host.exec("ovs-ofctl", "--timeout=5", "dump-flows", "br-int", "table=0,icmp6", check=False)
        return sum("actions=drop" in line for line in flows.splitlines()) == 3

    assert forbidden()
    for unit in ("ovn-controller", "ovs-vswitchd"):
        host.exec("systemctl", "restart", unit)
        wait_until(forbidden, f"the guard after {unit}", seconds=20)
    host.exec("ovs-ofctl", "del-flows", "br-int", "table=0,icmp6,icmp_type=134")
    wait_until(forbidden, "the guard after somebody else", seconds=5)


def dual_stack(onebox: Onebox, fabric: TidyFabric, stack: ExitStack) -> list[NetnsGuest]:
    """Plug in a guest on each host, both with IPv4 and IPv6 in one subnet."""
    vpc = a_vpc()
    subnet = replace(a_subnet(vpc), cidr6="fd99:1::/64", gateway6="fd99:1::1")
    fabric.ensure(vpc)
    fabric.ensure(subnet)
    guests = []
    for number, host in enumerate(onebox.hosts, start=11):
        port = replace(a_port(subnet, number), ip6=f"fd99:1::{number}")
        fabric.ensure(port)
        guests.append(stack.enter_context(netns_guest(host, port, subnet.gateway)))
    return guests


@pytest.mark.requirement("NI-4")
@pytest.mark.requirement("VP-2")
def test_a_subnet_hands_out_ipv6_by_dhcp_and_its_route_by_advertisements(
    onebox: Onebox, fabric: TidyFabric
) -> None:
    with ExitStack() as stack:
        guests = dual_stack(onebox, fabric, stack)
        for guest in guests:
            wait_until(
                lambda guest=guest: guest.dhcp6_offer() == guest.port.ip6,  # type: ignore[misc]
                f"an offer of {guest.port.ip6}",
                seconds=20,
            )
            guest.exec("sysctl", "-qw", "net.ipv6.conf.eth0.accept_ra=2")
            guest.exec("ip", "-6", "addr", "add", f"{guest.port.ip6}/64", "dev", "eth0", "nodad")
        one, other = guests
        assert one.pings(other.port.ip6) and one.pings("fd99:1::1") and one.pings(other.port.ip)
        for guest in guests:
            guest.exec("ip", "link", "set", "eth0", "down")
            guest.exec("ip", "link", "set", "eth0", "up")  # it solicits a router
            wait_until(
                lambda guest=guest: "default via fe80" in guest.exec("ip", "-6", "route"),  # type: ignore[misc]
                "a route by an advertisement",
                seconds=20,
            )


@pytest.mark.requirement("EI-4")
def test_a_port_without_the_default_route_gets_those_to_the_other_subnets(
    onebox: Onebox, fabric: TidyFabric
) -> None:
    vpc = a_vpc()
    first, second = a_subnet(vpc), a_subnet(vpc, net="10.0.2")
    for spec in (vpc, first):
        fabric.ensure(spec)
    port = replace(a_port(first), default_route=False)
    fabric.ensure(port)

    def options() -> str:
        used = onebox.northbound("--bare", "--columns=dhcpv4_options", "list", "logical_switch_port", port.id)
        return onebox.northbound("--bare", "--columns=options", "list", "dhcp_options", used)

    assert "router=" not in options() and "classless" not in options()
    fabric.ensure(second)
    assert "classless_static_route={10.0.2.0/24,10.0.1.1}" in options().replace(" ", "")
    fabric.ensure(replace(port, default_route=True))
    assert "router=10.0.1.1" in options()
