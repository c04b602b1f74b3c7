"""Packets that are too large somewhere on their way: whoever sent them learns the size that passes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

import pytest
from onebox.outside import Gateway

from apps.drivers.specs import Direction, RuleAction, RulePriority, RuleProtocol, RuleSpec
from tests.drivers.netns import NetnsGuest
from tests.drivers.ovn_tidy import tidy_fabric
from tests.network.edge_site import EdgeSite, ExternalGuest, edge_site, translated_guest, wait_answers
from tests.onebox_fixtures import Onebox

pytestmark = [pytest.mark.real, pytest.mark.timeout(120), pytest.mark.requirement("EI-3", "NI-1")]

OWN, OWN6, NAT, NAT6 = "203.0.113.10", "2001:db8:101::10", "203.0.113.41", "2001:db8:101::41"
VPC_MTU, NARROW_MTU = 1442, 1300
#: Beyond a link of the internet that carries no more.
NARROW, NARROW6 = "192.0.2.77", "2001:db8:fffe::77"


@dataclass
class Guests:
    """One that has its addresses itself, and one in a VPC that has them by one-to-one NAT."""

    site: EdgeSite
    own: ExternalGuest
    nat: NetnsGuest

    @property
    def gateway(self) -> Gateway:
        return self.site.gateway()

    @contextmanager
    def closed(self) -> Iterator[None]:
        """Let nothing in that a guest did not ask for."""
        out = (
            RuleSpec(Direction.OUT, RuleProtocol.ALL, RuleAction.ACCEPT, RulePriority.LOW, cidr)
            for cidr in ("0.0.0.0/0", "::/0")
        )
        group = self.site.group(*out)
        self.join(group.id)
        yield
        self.join()

    def join(self, *groups: str) -> None:
        for guest in (self.own, self.nat):
            self.site.fabric.ensure(replace(guest.port, security_group_ids=groups))
        self.site.box.northbound("--wait=hv", "sync")


@pytest.fixture(scope="module")
def guests(onebox: Onebox) -> Iterator[Guests]:
    with tidy_fabric(onebox.ovn_northbound) as fabric, edge_site(onebox, fabric) as site, site.stack:
        nat, _ = translated_guest(site, 0, 7, NAT)
        made = Guests(site, site.started(OWN, OWN6, host=1), nat)
        for ip in (OWN6, NAT, NAT6):
            wait_answers(made.gateway, ip)
        forget(made.gateway)
        yield made
        forget(made.gateway)


def forget(gateway: Gateway) -> None:
    """Forget the sizes that were learned."""
    for family in ("-4", "-6"):
        gateway.exec("ip", family, "route", "flush", "cache")


@pytest.fixture
def narrow(guests: Guests) -> Iterator[None]:
    """A link behind the internet's gateway that carries less than others."""
    run = guests.gateway.exec
    run("ip", "link", "add", "narrow", "type", "veth", "peer", "name", "narrow-end")
    for setting in ("net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1"):
        run("sysctl", "-qw", setting)
    run("ip", "link", "set", "narrow-end", "up")
    run("ip", "link", "set", "narrow", "mtu", str(NARROW_MTU), "up")
    for ip in (NARROW, NARROW6):
        run("ip", "route", "add", ip, "dev", "narrow")
    yield
    run("ip", "link", "del", "narrow")


def ping(size: int, ip: str) -> tuple[str, ...]:
    """Return the command that sends packets of this size, which nobody on the way may split."""
    headers = 48 if ":" in ip else 28
    return ("ping", "-c", "3", "-i", "0.3", "-W", "1", "-M", "do", "-s", str(size - headers), ip)


def told(printed: str) -> set[int]:
    """Return the sizes that `ping` was told by somebody on the way."""
    return {int(size) for size in re.findall(r"(?:Frag needed.*mtu = |Packet too big: mtu=)(\d+)", printed)}


@pytest.mark.requirement("SG-1")
def test_a_guest_learns_the_size_that_passes_far_away_whatever_its_group(
    guests: Guests, narrow: None
) -> None:
    with guests.closed():
        found = {
            (name, ip): told(guest.exec(*ping(1400, ip), check=False))
            for name, guest in (("own", guests.own), ("NAT", guests.nat))
            for ip in (NARROW, NARROW6)
        }
    assert found == {key: {NARROW_MTU} for key in found}


def test_packets_of_1500_bytes_arrive_or_their_sender_learns_what_the_vpc_carries(guests: Guests) -> None:
    def ask(size: int, ip: str) -> str:
        return guests.gateway.exec(*ping(size, ip), check=False)

    whole = {ip: ask(1500, ip) for ip in (OWN, OWN6)} | {ip: ask(VPC_MTU, ip) for ip in (NAT, NAT6)}
    assert [ip for ip, printed in whole.items() if "bytes from" not in printed] == []
    refused = {ip: told(ask(1500, ip)) for ip in (NAT, NAT6)}
    assert refused == {ip: {VPC_MTU} for ip in refused}
