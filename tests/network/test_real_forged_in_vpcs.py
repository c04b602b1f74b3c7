"""What a guest of a dual-stack subnet cannot make its neighbours believe, on its own host and on another."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field, replace

import pytest
from onebox.shell import wait_until

from tests.drivers.netns import NetnsGuest, netns_guest
from tests.drivers.ovn_tidy import tidy_fabric
from tests.drivers.samples import a_port, a_subnet, a_vpc
from tests.network.edge_site import namespace_of
from tests.network.packets import SEND_FORGED, catching
from tests.onebox_fixtures import Onebox

pytestmark = [pytest.mark.real, pytest.mark.timeout(120)]

#: Of the kinds of `SEND_FORGED` those that are honest in a VPC, where neighbours reach each other directly: a guest's
#: announcement of its own IPv4 address, and pings from its own addresses to everybody and to its neighbour.
TO_ALL, TO_NEIGHBOUR = {"EDGF07", "EDGF21", "EDGF24"}, {"EDGF22", "EDGF23"}


@dataclass
class Neighbours:
    """One that sends, one beside it, and one on the other host."""

    gateway_mac: str
    guests: list[NetnsGuest] = field(default_factory=list)


@pytest.fixture
def neighbours(onebox: Onebox) -> Iterator[Neighbours]:
    here, there = onebox.hosts
    with tidy_fabric(onebox.ovn_northbound) as fabric, ExitStack() as stack:
        vpc = a_vpc()
        subnet = replace(a_subnet(vpc), cidr6="fd99:1::/64", gateway6="fd99:1::1")
        fabric.ensure(vpc)
        fabric.ensure(subnet)
        made = Neighbours(subnet.gateway_mac)
        for number, host in ((11, here), (12, here), (13, there)):
            port = replace(a_port(subnet, number), ip6=f"fd99:1::{number}")
            fabric.ensure(port)
            guest = stack.enter_context(netns_guest(host, port, subnet.gateway))
            guest.exec("ip", "addr", "add", f"{port.ip6}/64", "dev", "eth0", "nodad")
            made.guests.append(guest)
        yield made


@pytest.mark.requirement("NI-2", "NI-4", "SE-10")
def test_nothing_forged_reaches_a_neighbour_in_a_dual_stack_subnet(neighbours: Neighbours) -> None:
    sly, beside, far = neighbours.guests
    for other in (beside, far):
        for ip in (other.port.ip, other.port.ip6):
            wait_until(lambda ip=ip: sly.pings(ip), f"answer of {ip}", seconds=30)  # type: ignore[misc]
    caught = {}
    for neighbour in (beside, far):
        with catching(namespace_of(beside), namespace_of(far)) as seen:
            arguments = [sly.port.mac, neighbours.gateway_mac, sly.port.ip, sly.port.ip6]
            arguments += [
                neighbour.port.ip,
                neighbour.port.ip6,
                neighbour.port.mac,
                "198.51.100.10",
                "10.0.1.1",
            ]
            sly.exec("python3", "-c", SEND_FORGED, *arguments)
            at, elsewhere = seen[neighbour is far], seen[neighbour is beside]
            wait_until(
                lambda at=at, elsewhere=elsewhere: (  # type: ignore[misc]
                    at.tags >= TO_ALL | TO_NEIGHBOUR and elsewhere.tags >= TO_ALL
                ),
                "the honest frames",
                seconds=10,
            )
        caught[neighbour.port.ip] = [each.tags for each in seen]
    assert caught == {
        beside.port.ip: [TO_ALL | TO_NEIGHBOUR, TO_ALL],
        far.port.ip: [TO_ALL, TO_ALL | TO_NEIGHBOUR],
    }
