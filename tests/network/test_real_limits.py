"""Bandwidth asked for and measured: of addresses and NICs on the edge and in VPCs, in and out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from onebox.outside_networks import INTERNET

from tests.drivers.netns import netns_guest
from tests.drivers.ovn_tidy import tidy_fabric
from tests.drivers.samples import a_port, a_subnet, a_vpc
from tests.network.edge_site import EdgeSite, edge_site, namespace_of, translated_guest, wait_answers
from tests.network.throughput import measured
from tests.onebox_fixtures import Onebox

pytestmark = [
    pytest.mark.real,
    pytest.mark.timeout(120),
    pytest.mark.requirement("NI-2"),
    pytest.mark.requirement("EI-6"),
]


@pytest.fixture
def site(onebox: Onebox) -> Iterator[EdgeSite]:
    with tidy_fabric(onebox.ovn_northbound) as fabric, edge_site(onebox, fabric) as made, made.stack:
        yield made


def test_limits_hold_in_and_out_for_an_address_and_for_the_nic(site: EdgeSite) -> None:
    internet = site.gateway(INTERNET)
    guest = site.started("203.0.113.10", "203.0.113.11")
    limited = replace(guest.port.addresses[0], mbit_in=20, mbit_out=10)
    spec = replace(guest.port, addresses=(limited, guest.port.addresses[1]))
    site.fabric.ensure(spec)
    vpc = a_vpc()
    subnet = a_subnet(vpc)
    ports = (a_port(subnet, 11), a_port(subnet, 12))
    for each in (vpc, subnet, *ports):
        site.fabric.ensure(each)
    inside, beside = (
        site.stack.enter_context(netns_guest(site.box.hosts[0], port, subnet.gateway)) for port in ports
    )
    site.box.northbound("--wait=hv", "sync")
    outside = internet.command(())
    found = measured(
        {
            "in": (outside, namespace_of(guest), "203.0.113.10"),
            "VPC": (namespace_of(inside), namespace_of(beside), ports[1].ip),
        }
    )
    found |= measured({"out": (namespace_of(guest), outside, "203.0.113.1", "203.0.113.10")})
    site.fabric.ensure(replace(spec, mbit_in=30, mbit_out=15))
    site.box.northbound("--wait=hv", "sync")
    both = measured({"in, all": (outside, namespace_of(guest), "203.0.113.11")})
    both |= measured({"out, all": (namespace_of(guest), outside, "203.0.113.1", "203.0.113.11")})
    assert 14 < found["in"] < 26 and 7 < found["out"] < 13
    assert 21 < both["in, all"] < 39 and 10 < both["out, all"] < 20
    assert found["VPC"] > 60


def test_limits_hold_for_an_address_by_nat_and_for_a_nic_in_a_vpc(site: EdgeSite) -> None:
    guest, beside = translated_guest(site, 0, 7, "203.0.113.41", mbit_in=20, mbit_out=10)
    wait_answers(site.gateway(), "203.0.113.41")
    outside, inside, other = site.gateway().command(()), namespace_of(guest), namespace_of(beside)
    found = measured({"in": (outside, inside, "203.0.113.41"), "VPC": (other, inside, guest.port.ip)})
    found |= measured({"out": (inside, outside, "203.0.113.1")})
    site.fabric.ensure(replace(guest.port, mbit_in=30, mbit_out=15))
    site.box.northbound("--wait=hv", "sync")
    limited = measured({"in": (other, inside, guest.port.ip)})
    limited |= measured({"out": (inside, other, beside.port.ip)})
    assert 14 < found["in"] < 26 and 7 < found["out"] < 13
    assert 21 < limited["in"] < 39 and 10 < limited["out"] < 20
    assert found["VPC"] > 60
