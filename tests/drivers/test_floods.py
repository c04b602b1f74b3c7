"""One guest floods; another tenant's guest on the same host loses nothing by it."""

import json
import re
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import dataclass

import pytest
from onebox.hosts import Host
from onebox.shell import wait_until

from apps.drivers.ovn.fabric import OvnFabric
from apps.drivers.specs import Direction
from tests.drivers.flood_sender import FLOODS
from tests.drivers.floods import LEASES, PROBE, Tenant, tenant
from tests.onebox_fixtures import Onebox

pytestmark = [pytest.mark.real, pytest.mark.timeout(300)]

TABLE, LIMIT = 4000, 1000
"""Connections the host can track, and one NIC: low, so that a small flood shows what a large one would."""
FLOWS = 3000
"""Datapath flows the host should keep at most."""
COUNT, RATE = 4500, 3000
COUNTS = {"first fragments": 1200, "last fragments": 1200}
"""Fewer, and last: Open vSwitch keeps 5,000 of all guests together, for 15 s (docs/concepts/fair-shares.md)."""
PROBES = 25


@dataclass(frozen=True)
class Neighbours:
    host: Host
    attacker: Tenant
    victim: Tenant


@pytest.fixture(scope="module")
def neighbours(onebox: Onebox, northbound: str) -> Iterator[Neighbours]:
    host = onebox.hosts[0]
    with ExitStack() as stack:
        fabric = OvnFabric(northbound)
        stack.callback(fabric.close)
        attacker = stack.enter_context(tenant(fabric, host, LIMIT))
        victim = stack.enter_context(
            tenant(fabric, host, LIMIT, one_may=(Direction.IN,), other_may=(Direction.OUT,))
        )
        table = appctl(host, "dpctl/ct-get-maxconns")
        stack.callback(appctl, host, "dpctl/ct-set-maxconns", table)
        appctl(host, "dpctl/ct-set-maxconns", str(TABLE))
        stack.callback(set_flow_limit, host, flow_limit(host))
        set_flow_limit(host, FLOWS)
        yield Neighbours(host, attacker, victim)


def flow_limit(host: Host) -> int:
    return int(
        host.exec("ovs-vsctl", "get", "Open_vSwitch", ".", "other_config:flow-limit").strip().strip('"')
    )


def set_flow_limit(host: Host, limit: int) -> None:
    host.exec("ovs-vsctl", "set", "Open_vSwitch", ".", f"other_config:flow-limit={limit}")


def appctl(host: Host, *command: str) -> str:
    return host.exec("ovs-appctl", *command).strip()


@dataclass(frozen=True)
class Noticed:
    """What came of a flood: [sent, answered] of the victim's probes, and the host's tables after it."""

    connections: list[int]
    datagrams: list[int]
    leases: list[int]
    tracked: int
    flows: int
    controller_ms: int

    @property
    def lost(self) -> int:
        return sum(sent - answered for sent, answered in (self.connections, self.datagrams, self.leases))

    def __str__(self) -> str:
        probes = [
            f"{sent - answered}/{sent}" for sent, answered in (self.connections, self.datagrams, self.leases)
        ]
        return "".join(f"{cell:>10}" for cell in (*probes, self.tracked, self.flows, self.controller_ms))


HEADS = ("new conn.", "3,000 B", "DHCP", "tracked", "flows", "contr. ms")


def flood(world: Neighbours, kind: str) -> Noticed:
    """Flood while the victim's guests speak to each other, each time by a new connection, and ask for leases."""
    # Each by itself: what the one before left would be counted, or lost, with this one.
    appctl(world.host, "dpctl/flush-conntrack")
    appctl(world.host, "revalidator/purge")
    seconds, before = str(COUNT / RATE), controller_ms(world.host)
    one, other = world.victim.one, world.victim.other
    with ThreadPoolExecutor(2) as pool:
        sending = pool.submit(world.attacker.flood, kind, COUNTS.get(kind, COUNT), RATE)
        asking = pool.submit(one.exec, "python3", "-c", LEASES, one.port.mac, seconds, str(PROBES))
        small, large = json.loads(other.exec("python3", "-c", PROBE, one.port.ip, seconds, str(PROBES)))
        leases = json.loads(asking.result())
        sending.result()
    tables = tracked(world.host), flows(world.host)
    return Noticed(small, large, leases, *tables, controller_ms(world.host) - before)


def tracked(host: Host) -> int:
    return int(appctl(host, "dpctl/ct-get-nconns"))


def flows(host: Host) -> int:
    """Return how many datapath flows there are."""
    shown = re.search(r"current (\d+)", appctl(host, "upcall/show"))
    assert shown
    return int(shown[1])


def controller_ms(host: Host) -> int:
    """Return the processor time ovn-controller has used."""
    pid = host.exec("cat", "/run/ovn/ovn-controller.pid").strip()
    words = host.exec("cat", f"/proc/{pid}/stat").rpartition(")")[2].split()
    return (int(words[11]) + int(words[12])) * 10


@pytest.mark.requirement("SE-10")
def test_a_flood_of_any_kind_costs_another_tenant_nothing(
    neighbours: Neighbours, capsys: pytest.CaptureFixture[str]
) -> None:
    found = {kind: flood(neighbours, kind) for kind in FLOODS}
    with capsys.disabled():
        sys.stdout.write(f"\n{'lost of the victim, by flood':34}{''.join(f'{head:>10}' for head in HEADS)}\n")
        sys.stdout.writelines(f"{kind:34}{noticed}\n" for kind, noticed in found.items())
    assert {kind: noticed.lost for kind, noticed in found.items() if noticed.lost} == {}
    assert {kind: noticed.flows for kind, noticed in found.items() if noticed.flows > 2 * FLOWS} == {}
    assert max(noticed.tracked for noticed in found.values()) < TABLE


@pytest.mark.requirement("SE-10")
@pytest.mark.parametrize("may", [None, tuple(Direction)], ids=["no group", "a group that accepts everything"])
def test_no_forgery_reaches_a_neighbour_whatever_the_group(
    onebox: Onebox, northbound: str, may: tuple[Direction, ...] | None
) -> None:
    fabric = OvnFabric(northbound)
    with closing(fabric), tenant(fabric, onebox.hosts[0], LIMIT, one_may=may, other_may=may) as neighbours:
        assert neighbours.forge() == []


@pytest.mark.requirement("SE-10")
def test_a_nic_tracks_no_more_connections_than_its_limit(onebox: Onebox, northbound: str) -> None:
    fabric, host, limit = OvnFabric(northbound), onebox.hosts[0], 50
    may = {"one_may": (Direction.IN,), "other_may": (Direction.OUT,)}
    with closing(fabric), tenant(fabric, host, limit, **may) as guests:
        appctl(host, "dpctl/flush-conntrack")
        probes = guests.other.exec("python3", "-c", PROBE, guests.one.port.ip, "0.5", "40")
        answered = sum(answered for _, answered in json.loads(probes))
        assert 0 < answered <= limit < 80, "40 small ones and 40 large ones"
        zones = re.findall(r"limit=50,count=(\d+)", appctl(host, "dpctl/ct-get-limits"))
        assert [int(count) for count in zones] == [limit, limit]


@pytest.mark.requirement("SE-10")
def test_the_hosts_own_limits_outlive_its_switch(onebox: Onebox) -> None:
    host = onebox.hosts[1]

    def limits() -> tuple[str, ...]:
        asked = ("dpctl/ct-get-maxconns", "dpctl/ct-get-limits", "dpctl/ipf-get-status")
        kept = [host.exec("ovs-appctl", "--timeout=5", each, check=False) for each in asked]
        return (
            kept[0].strip(),
            kept[1].splitlines()[0] if kept[1] else "",
            *re.findall("max num frags.*", kept[2]),
        )

    before = limits()
    assert before[1] == "default limit=65536"
    assert before[2] == "max num frags (v4/v6): 5000"
    old = pid(host)
    host.exec("kill", "-9", old)
    wait_until(lambda: pid(host) not in ("", old), "another ovs-vswitchd", seconds=80)
    wait_until(lambda: limits() == before, "the limits of before", seconds=80)


@pytest.mark.requirement("SE-10")
def test_a_started_guests_nics_are_limited_in_packets_a_second_by_the_kernels_datapath(
    onebox: Onebox,
) -> None:
    """The kernel here has no such datapath: what is tried is that Open vSwitch is told."""
    host = onebox.hosts[1]
    host.exec(
        "ovs-vsctl",
        "--timeout=10",
        "add-port",
        "br-ex",
        "vnet990",
        "--",
        "set",
        "interface",
        "vnet990",
        "type=internal",
    )

    def told(datapath: str) -> str:
        settings = f"SCLOUD_DATAPATH={datapath}\nSCLOUD_NIC_KPPS=50\n"
        host.exec("sh", "-c", "cat >/tmp/network.env", stdin=settings)
        definition = (
            "<domain>\n<interface type='bridge'>\n  <target dev='vnet990'/>\n</interface>\n</domain>\n"
        )
        hook = (
            "env",
            "SCLOUD_NETWORK_ENV=/tmp/network.env",
            "/etc/libvirt/hooks/qemu.d/limit-nics",
            "vm",
            "started",
            "begin",
            "-",
        )
        host.exec(*hook, stdin=definition)
        return host.exec("ovs-vsctl", "get", "interface", "vnet990", "ingress_policing_kpkts_rate").strip()

    try:
        assert told("netdev") == "0"
        assert told("system") == "50"
    finally:
        host.exec("ovs-vsctl", "--timeout=10", "del-port", "br-ex", "vnet990")


def pid(host: Host) -> str:
    return host.exec("cat", "/run/openvswitch/ovs-vswitchd.pid", check=False).strip()
