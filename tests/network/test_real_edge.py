"""Real traffic between guests on the edge, VPCs, an internet and a data centre; guests are name spaces on two hosts."""

from __future__ import annotations

import re
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from itertools import pairwise

import pytest
from onebox.outside_networks import DATACENTRE, INTERNET
from onebox.shell import wait_until

from apps.drivers.specs import (
    Direction,
    ExternalPortSpec,
    RuleAction,
    RulePriority,
    RuleProtocol,
    RuleSpec,
    TranslatedAddressSpec,
)
from tests.drivers.ovn_tidy import tidy_fabric
from tests.network.edge_site import (
    AnyGuest,
    EdgeSite,
    ExternalGuest,
    answers,
    edge_site,
    namespace_of,
    seen_as,
    translated_guest,
    wait_answers,
)
from tests.network.packets import SEND_PROTOCOLS, catching
from tests.onebox_fixtures import Onebox

pytestmark = [pytest.mark.real, pytest.mark.timeout(240)]

WEB, WEB6 = "198.51.100.10", "2001:db8:ffff::10"
ARCHIVE, ARCHIVE6 = "172.21.0.10", "fd00:210::10"


@pytest.fixture(scope="module")
def edge(onebox: Onebox) -> Iterator[EdgeSite]:
    """The edge with both networks. What a test plugs in is unplugged after it (`site`)."""
    with tidy_fabric(onebox.ovn_northbound) as fabric, edge_site(onebox, fabric) as made:
        yield made


@pytest.fixture
def site(edge: EdgeSite) -> Iterator[EdgeSite]:
    with ExitStack() as stack:
        yield replace(edge, stack=stack)
    for id in list(edge.fabric.made[TranslatedAddressSpec]):
        edge.fabric.ensure_absent(TranslatedAddressSpec, id)
    for id in list(edge.fabric.made[ExternalPortSpec]):
        edge.fabric.ensure_absent(ExternalPortSpec, id)


def page(guest: ExternalGuest, source: str, server: str) -> str:
    """Return as whom a page outside knows a guest that uses this address of its own."""
    where = f"[{server}]" if ":" in server else server
    text = guest.exec("curl", "-s", "--max-time", "3", "--interface", source, f"http://{where}/", check=False)
    return text.rpartition("came from ")[2].strip()


@pytest.mark.requirement("EI-3")
@pytest.mark.requirement("NI-1")
@pytest.mark.requirement("EN-1")
def test_addresses_of_two_networks_work_on_one_nic_each_by_its_own(site: EdgeSite) -> None:
    internet, datacentre = site.gateway(INTERNET), site.gateway(DATACENTRE)
    both = site.started("203.0.113.10", "172.20.1.10", "2001:db8:101::10", "fd00:102::10")
    one = site.started("203.0.113.20", "2001:db8:101::20", host=1)

    # Nobody outside was asked before: the edge itself finds each gateway.
    sent = {
        (source, server): page(both, source, server)
        for source, server in (
            ("203.0.113.10", WEB),
            ("2001:db8:101::10", WEB6),
            ("172.20.1.10", ARCHIVE),
            ("fd00:102::10", ARCHIVE6),
        )
    }
    assert sent == {(source, server): source for source, server in sent}
    assert (seen_as(one, WEB), seen_as(one, WEB6)) == ("203.0.113.20", "2001:db8:101::20")

    received = [
        *((internet, ip, origin) for ip, origin in (("203.0.113.10", WEB), ("203.0.113.20", WEB))),
        *((internet, ip, WEB6) for ip in ("2001:db8:101::10", "2001:db8:101::20")),
        (datacentre, "172.20.1.10", "172.20.1.1"),
        (datacentre, "172.20.1.10", ARCHIVE),  # from beyond the gateway, where the guest has no route to
        (datacentre, "fd00:102::10", ARCHIVE6),
    ]
    assert [row for row in received if not answers(*row)] == []


@pytest.mark.requirement("EI-3")
def test_guests_on_the_edge_reach_each_other_by_their_addresses_in_full_size(site: EdgeSite) -> None:
    one, other = (
        site.started("203.0.113.10", "2001:db8:101::10"),
        site.started("203.0.113.20", "2001:db8:101::20", host=1),
    )
    third = site.started("203.0.113.30", "2001:db8:101::30")
    for guest, to in ((one, other), (other, one), (one, third)):
        for address in to.port.addresses:
            size = "1452" if ":" in address.ip else "1472"
            guest.exec("ping", "-c", "2", "-i", "0.2", "-W", "1", "-s", size, "-M", "do", address.ip)


@pytest.mark.requirement("EN-1")
@pytest.mark.requirement("SE-10")
def test_the_edge_is_no_way_from_one_network_to_another(site: EdgeSite) -> None:
    internet = site.gateway(INTERNET)
    one = site.started("203.0.113.20")
    site.guest("172.20.1.10")
    wait_answers(site.gateway(DATACENTRE), "172.20.1.10")

    assert not one.pings("172.20.1.1") and not one.pings("172.20.1.10")
    internet.exec("ip", "route", "replace", "172.20.1.0/24", "via", INTERNET.blocks[0].router_address)
    try:
        assert not answers(internet, "172.20.1.1") and not answers(internet, "172.20.1.10")
    finally:
        internet.exec("ip", "route", "del", "172.20.1.0/24")
    addresses = [host.management_ip for host in site.box.hosts]
    assert [ip for ip in addresses if one.reaches(ip, "tcp/22", "tcp/16514")] == []


def accept(protocol: RuleProtocol, cidr: str, port: int | None = None) -> RuleSpec:
    return RuleSpec(Direction.IN, protocol, RuleAction.ACCEPT, RulePriority.MEDIUM, cidr, port, port)


TAGS = {"EDGT80", "EDGT81", "EDGU53", "EDGU54", "EDGPNG", "EDGGRE"}
#: Of each pair of groups one lets in what the other refuses.
GROUPS: dict[str, tuple[Callable[[str, RuleProtocol], tuple[RuleSpec, ...]], set[str]]] = {
    "tcp 80, udp 53, ping": (
        lambda any_, ping: (
            accept(RuleProtocol.TCP, any_, 80),
            accept(RuleProtocol.UDP, any_, 53),
            accept(ping, any_),
        ),
        {"EDGT80", "EDGU53", "EDGPNG"},
    ),
    "tcp 81, gre": (
        lambda any_, _ping: (accept(RuleProtocol.TCP, any_, 81), accept(RuleProtocol.GRE, any_)),
        {"EDGT81", "EDGGRE"},
    ),
    "everything": (lambda any_, _ping: (accept(RuleProtocol.ALL, any_),), TAGS),
    "nothing": (lambda _any, _ping: (), set[str]()),
}


@pytest.mark.requirement("SG-1")
@pytest.mark.requirement("SG-2")
@pytest.mark.requirement("SG-4")
def test_each_protocol_of_a_group_is_let_in_and_refused_at_external_addresses(site: EdgeSite) -> None:
    gateway = site.gateway(INTERNET)
    guest = site.started("203.0.113.10", "2001:db8:101::10")
    got: dict[str, set[str]] = {}
    first = 20_000
    for name, (rules, _) in GROUPS.items():
        group = site.group(*rules("0.0.0.0/0", RuleProtocol.ICMPV4), *rules("::/0", RuleProtocol.ICMPV6))
        site.fabric.ensure(replace(guest.port, security_group_ids=(group.id,)))
        site.box.northbound("--wait=hv", "sync")
        for source, to in (("203.0.113.1", "203.0.113.10"), ("2001:db8:101::1", "2001:db8:101::10")):
            first += 10
            with catching(namespace_of(guest)) as (seen,):
                gateway.exec("python3", "-c", SEND_PROTOCOLS, source, to, str(first))
                wanted = GROUPS[name][1]
                wait_until(partial(wanted.issubset, seen.tags), f"{wanted} at {to}", seconds=5)
            got[f"{name} {to}"] = seen.tags
    assert got == {key: wanted for key in got for name, (_, wanted) in GROUPS.items() if key.startswith(name)}
    site.fabric.ensure(replace(guest.port, security_group_ids=()))


@pytest.mark.requirement("NI-1")
def test_dhcp_offers_the_first_address_behind_any_group(site: EdgeSite) -> None:
    group = site.group()
    guest = site.guest("203.0.113.10", "172.20.1.10", groups=(group.id,))
    wait_until(lambda: guest.dhcp_offer() == "203.0.113.10", "an offer", seconds=20)
    site.bind(guest, "172.20.1.10")
    guest.exec("ip", "addr", "del", "203.0.113.10/32", "dev", "eth0")  # else it would ask from there
    wait_until(lambda: guest.dhcp_offer() == "172.20.1.10", "the other offer", seconds=20)


def pauses(site: EdgeSite, ips: tuple[str, ...], action: Callable[[], None], seconds: int) -> list[float]:
    """Return, for each address, the longest time without an answer to pings from outside."""
    pinging = []
    for ip in ips:
        command = site.gateway().command(["ping", "-n", "-D", "-i", "0.05", "-w", str(seconds), ip])
        pinging.append(subprocess.Popen(command, stdout=subprocess.PIPE, text=True))
    found = []
    for number, process in enumerate(pinging):
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(10)]
        if number == 0:
            action()
        lines += [*process.stdout.readlines(), f"[{time.time()}] 64 bytes"]
        process.wait()
        found.append(max(later - earlier for earlier, later in pairwise(answered_at(lines))))
    return found


def answered_at(lines: list[str]) -> list[float]:
    return [
        float(found) for found in re.findall(r"^\[(\d+\.\d+)\] \d+ bytes", "\n".join(lines), re.MULTILINE)
    ]


@pytest.mark.requirement("EI-2")
def test_addresses_move_under_a_running_ping(site: EdgeSite) -> None:
    ips = ("203.0.113.10", "2001:db8:101::10")
    first, neighbour, far = site.guest(*ips), site.guest(), site.guest(host=1)
    for guest in (neighbour, far):
        for ip in ips:
            guest.set_address(ip)
    for ip in ips:
        wait_answers(site.gateway(), ip)

    def move(source: ExternalGuest, target: ExternalGuest) -> Callable[[], None]:
        def act() -> None:
            site.bind(source)
            site.bind(target, *ips)

        return act

    same_host = pauses(site, ips, move(first, neighbour), 3)
    other_host = pauses(site, ips, move(neighbour, far), 4)
    assert max(same_host) < 0.8, same_host
    assert max(other_host) < 2.5, other_host  # OVN announces an address one second after it has it


@pytest.mark.requirement("EI-2")
def test_an_unbound_address_is_silent_at_once(site: EdgeSite) -> None:
    guest = site.started("203.0.113.10")
    command = site.gateway().command(["ping", "-n", "-D", "-i", "0.05", "-w", "2", "203.0.113.10"])
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as pinging:
        assert pinging.stdout is not None
        lines = [pinging.stdout.readline() for _ in range(10)]
        site.bind(guest)
        unbound = time.time()
        lines += pinging.stdout.readlines()
    assert answered_at(lines)[-1] - unbound < 0.3


@pytest.mark.requirement("EI-3")
def test_fifty_and_ten_addresses_answer_on_one_nic(site: EdgeSite) -> None:
    ips = [f"203.0.113.{number}" for number in range(100, 150)]
    ips += [f"2001:db8:101::{number}" for number in range(100, 110)]
    guest = site.guest()
    bits = {ip: "128" if ":" in ip else "32" for ip in ips}
    guest.exec("sh", "-c", ";".join(f"ip addr add {ip}/{bits[ip]} dev eth0 nodad" for ip in ips))
    site.bind(guest, *ips)
    wait_answers(site.gateway(), ips[-1])
    ask = f"for ip in {' '.join(ips)}; do ping -c 1 -W 1 $ip >/dev/null || echo $ip; done"
    assert site.gateway().exec("sh", "-c", ask).split() == []
    source = f"for ip in {' '.join(ips[:50])}; do curl -s --max-time 3 --interface $ip http://{WEB}/; done"
    assert re.findall(r"came from (\S+)", guest.exec("sh", "-c", source)) == ips[:50]


@pytest.mark.requirement("NI-1")
def test_an_address_by_nat_works_in_and_out_and_between_vpcs(site: EdgeSite) -> None:
    one, beside = translated_guest(site, 0, 7, "203.0.113.41")
    other, _ = translated_guest(site, 1, 8, "203.0.113.42")
    third = site.started("203.0.113.20", "2001:db8:101::20")
    for ip in ("203.0.113.41", "203.0.113.42", "2001:db8:101::41", "2001:db8:101::42"):
        wait_answers(site.gateway(), ip)
    assert (seen_as(one, WEB), seen_as(other, WEB)) == ("203.0.113.41", "203.0.113.42")
    assert seen_as(one, WEB6) == "2001:db8:101::41"
    paths: tuple[tuple[AnyGuest, str], ...] = (
        (one, "203.0.113.42"),
        (other, "203.0.113.41"),
        (one, "203.0.113.20"),
        (third, "203.0.113.41"),
        (one, "2001:db8:101::42"),
    )
    for guest, ip in paths:
        assert guest.pings(ip), f"{guest.port} to {ip}"
    assert not one.pings("169.254.128.8")  # the other VPC's end of the link
    assert seen_as(beside, WEB) == ""
    assert beside.pings("10.0.1.11")

    # The group filters by the address outside.
    group = site.group(accept(RuleProtocol.ICMPV4, "203.0.113.1/32"))
    site.fabric.ensure(replace(one.port, security_group_ids=(group.id,)))
    site.box.northbound("--wait=hv", "sync")
    wait_answers(site.gateway(), "203.0.113.41")
    assert not answers(site.gateway(), "203.0.113.41", WEB)
    site.fabric.ensure(replace(one.port, security_group_ids=()))


@pytest.mark.requirement("EI-1")
def test_a_host_finds_which_addresses_answer_on_a_vlan(site: EdgeSite) -> None:
    site.started("203.0.113.10", "2001:db8:101::10")
    wanted = ["203.0.113.10", "2001:db8:101::10", "203.0.113.1", "2001:db8:101::1"]
    free = ["203.0.113.99", "2001:db8:101::99", "172.20.1.1"]
    program = (
        "import time; from apps.drivers.libvirt.neighbours import probe; began = time.monotonic();"
        f"print(*(each.ip for each in probe('physnet1', 101, {tuple(wanted + free)})), time.monotonic() - began)"
    )
    for host in site.box.hosts:
        *found, seconds = host.exec(
            "env", "PYTHONPATH=/opt/scloud-agent/lib", "/opt/scloud-agent/bin/python", "-c", program
        ).split()
        assert found == wanted
        assert float(seconds) < 2
        assert "pb" not in host.exec("ovs-vsctl", "list-ports", "br-ex")
