"""Every listener of every component, tried from everywhere: a guest, the networks around, another host, the machine."""

from __future__ import annotations

import sys
import uuid
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest
from onebox import environment, hosts, instance
from onebox.hosts import Host
from onebox.instance import Instance
from onebox.shell import run, wait_until

from tests.onebox import frames, listeners, sockets
from tests.onebox.conftest import onebox_command
from tests.onebox.fabric import Guest, Network
from tests.onebox.listeners import LISTENERS, VANTAGES, Listener
from tests.onebox.probing import (
    TCP_PORT,
    UDP_PORT,
    Place,
    Run,
    forgotten_listener,
    guest_place,
    host_place,
    mac_of,
    machine_place,
    program,
    space_of,
    stranger,
    tap_of,
)
from tests.onebox.sockets import Socket
from tests.onebox_fixtures import Onebox
from tests.steady_network import changing_network

pytestmark = [
    pytest.mark.real,
    pytest.mark.timeout(600),
    pytest.mark.requirement("SE-7"),
    pytest.mark.campaign("listeners", ("docker/", "docs/listeners.md"), share=3),
]

DOCUMENT = instance.ROOT / "docs" / "listeners.md"
FORGOTTEN = "a program without a row"


@pytest.mark.requirement("SE-7")
def test_the_documented_table_is_the_one_that_is_tried() -> None:
    assert DOCUMENT.read_text() == listeners.markdown(), (
        "run PYTHONPATH=docker python -m tests.onebox.listeners >docs/listeners.md"
    )


@dataclass
class World:
    """The whole platform, running, with an attacker in each place."""

    box: Onebox
    probe: Path
    guests: dict[str, tuple[Guest, Place]]
    strangers: dict[str, Place]

    @property
    def instance(self) -> Instance:
        return self.box.instance


@dataclass(frozen=True)
class Target:
    """A place with listeners: a compute host, the central, or the machine. ``host`` is None for the machine."""

    kind: str
    host: Host | None

    def addresses(self, world: World) -> list[str]:
        """Return every address of the place that is not loopback; IPv6 ones that devices would have, too."""
        lines = self._ip("-o", "-4", "addr").splitlines()
        pairs = [(words[1], words[3].partition("/")[0]) for words in map(str.split, lines)]
        other = [f"scloud{number}" for number in range(instance.LAST_SLOT + 1)]  # of other instances
        other.remove(world.instance.veth)
        found = [address for device, address in pairs if device != "lo" and device not in other]
        links = self._ip("-o", "link").splitlines()
        macs = [line.partition("link/ether ")[2].split()[0] for line in links if "link/ether" in line]
        return found + [frames.link_local(mac) for mac in macs] if self.host else found

    def mac(self, device: str) -> str | None:
        """Return the MAC of one of its devices, if there."""
        if self.host is None:
            return None
        there = self.host.exec("ls", "/sys/class/net").split()
        return mac_of(self.host, device) if device in there else None

    def python(self) -> list[str]:
        return self.host.command(["python3"]) if self.host else [sys.executable]

    def listening(self, world: World) -> set[Socket]:
        return sockets.listening(self.host) if self.host else sockets.listening_for(world.instance)

    def _ip(self, *args: str) -> str:
        return self.host.exec("ip", *args) if self.host else run(["ip", *args]).stdout


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """`make run` with two more guests on host-1, strangers on all bridges, and the probe everywhere."""
    directory = tmp_path_factory.mktemp("listeners")
    with changing_network():
        found = instance.find("test", directory / "var")
        try:
            run(onebox_command(found, "up"))
            box = Onebox(found, environment.load(found))
            probe = program(directory)
            with ExitStack() as stack:
                made = World(box, probe, stack.enter_context(_guests(box, probe)), {})
                for name, bridge in (
                    ("provider", "provider"),
                    ("tunnel", "underlay"),
                    ("management", "management"),
                ):
                    address = (found.underlay_ip if bridge == "underlay" else found.management_ip)(99)
                    made.strangers[name] = stack.enter_context(stranger(found, bridge, address, probe))
                yield made
        finally:
            run(onebox_command(found, "down"))
            instance.release(found)


@contextmanager
def _guests(box: Onebox, probe: Path) -> Iterator[dict[str, tuple[Guest, Place]]]:
    """One guest whose security group is empty, one that no group filters."""
    network = Network(box, f"listeners-{uuid.uuid4().hex[:8]}")
    dhcp = network.create()
    group = f"pg_{uuid.uuid4().hex[:8]}"
    guests = {name: Guest(box.hosts[0], f"{name}-{network.name}") for name in ("guest_closed", "guest_open")}
    try:
        for number, (name, guest) in enumerate(guests.items(), start=41):
            port, mac = network.add_port(number, dhcp)
            if name == "guest_closed":
                box.northbound("pg-add", group, port)
                box.northbound("acl-add", group, "from-lport", "1001", f"inport == @{group} && ip", "drop")
                box.northbound("acl-add", group, "to-lport", "1001", f"outport == @{group} && ip", "drop")
            guest.start(box, port, mac)
        for guest in guests.values():
            guest.wait_for_agent()
        yield {name: (guest, guest_place(guest, probe)) for name, guest in guests.items()}
    finally:
        for guest in guests.values():
            guest.remove(box)
        box.central.exec("ovn-nbctl", "--timeout=15", "pg-del", group, check=False)
        network.remove()
        box.northbound("--if-exists", "destroy", "DHCP_Options", dhcp)


TARGETS = ("host-1", "host-2", "central", "machine")


@pytest.fixture(params=TARGETS)
def target(request: pytest.FixtureRequest, world: World) -> Target:
    name = request.param
    if name == "machine":
        return Target("machine", None)
    return Target("central" if name == "central" else "host", hosts.named(world.instance, name))


# --- every listener has a row ---


def test_every_listener_has_a_row_and_is_bound_as_the_row_says(world: World, target: Target) -> None:
    found = target.listening(world)
    assert found, "nothing listens: the enumeration is broken"
    assert {socket for socket in found if not _rows_of(world, target, socket)} == set()


def test_a_new_listener_has_no_row(world: World, target: Target, tmp_path: Path) -> None:
    """The enumeration sees what somebody starts: else the test above would prove nothing."""
    if target.host is None:  # only the instance's own processes are looked at on the machine
        with forgotten_listener(target.python(), tmp_path / "output"):
            assert TCP_PORT not in {socket.port for socket in target.listening(world)}
        return
    with forgotten_listener(target.python(), tmp_path / "output"):
        new = {s.kind for s in target.listening(world) if not _rows_of(world, target, s)}
    assert new == {"tcp", "udp"}


def test_every_row_of_a_process_that_always_runs_is_found(world: World, target: Target) -> None:
    always = {"host": {"ovs-vswitchd", "libvirtd"}, "central": {"ovsdb-server"},
              "machine": {"redis-server", "postgres", "proxy", "console"}}  # fmt: skip
    assert always[target.kind] <= {socket.process for socket in target.listening(world)}


def _rows_of(world: World, target: Target, socket: Socket) -> list[Listener]:
    return [
        row
        for row in LISTENERS
        if row.place == target.kind and (row.kind, row.process) == (socket.kind, socket.process)
        if (
            _device_matches(row, socket)
            if row.kind == "packet"
            else _bound_matches(world, target, row, socket)
        )
    ]


def _device_matches(row: Listener, socket: Socket) -> bool:
    """ "*" is what is left of a tap that is gone."""
    return any(
        socket.address == name or (name.endswith("*") and socket.address.startswith(name[:-1]))
        for name in (*row.bound.split(), "*")
    )


def _bound_matches(world: World, target: Target, row: Listener, socket: Socket) -> bool:
    return (
        socket.port in row.port_range(world.instance)
        and socket.address
        in {
            "any": {"*", "0.0.0.0", "::"},  # noqa: S104
            "management": {_management(world, target)},
            "loopback": {"127.0.0.1", "::1"},
        }[row.bound]
    )


def _management(world: World, target: Target) -> str:
    return target.host.management_ip if target.host else world.instance.control_ip


# --- every row is tried from everywhere ---


def test_every_listener_is_reached_by_those_it_is_for_and_by_nobody_else(
    world: World, target: Target, tmp_path: Path
) -> None:
    rows = [row for row in LISTENERS if row.place == target.kind and row.kind == "tcp"]
    ports = {f"{row.process} {row.ports} {row.bound}": _port(world, row) for row in rows} | {
        FORGOTTEN: TCP_PORT
    }
    expected = {name: set() for name in ports} | {  # type: ignore[var-annotated]
        f"{row.process} {row.ports} {row.bound}": set(row.open_to) for row in rows
    }
    with forgotten_listener(target.python(), tmp_path / "output", _absent(world, target, rows)) as forgotten:
        reached = _reached(world, target, sorted({*ports.values(), UDP_PORT}))
        _send(target, word := "from-the-place-itself")
        wait_until(lambda: word in forgotten.received(), "a datagram from the place itself", seconds=60)
    wrong = {"datagrams from": forgotten.received() - {word}} if forgotten.received() != {word} else {}
    for name, port in ports.items():
        allowed = set().union(*(expected[other] for other in ports if ports[other] == port))
        found = {vantage for vantage in reached if port in reached[vantage]}
        if found != allowed:
            wrong[f"{name}: reached from"] = found
    assert wrong == {}, "\n".join(f"{name} {sorted(found)}" for name, found in wrong.items())


def _send(target: Target, word: str) -> None:
    code = (
        f"import socket; socket.socket(type=socket.SOCK_DGRAM).sendto(b'{word}', ('127.0.0.1', {UDP_PORT}))"
    )
    run([*target.python(), "-c", code])


def _port(world: World, row: Listener) -> int:
    """Return the port at which a row is tried: the last one of a range, where nothing listens as a rule."""
    return row.port_range(world.instance)[-1]


def _absent(world: World, target: Target, rows: Sequence[Listener]) -> list[str]:
    """Return where a stand-in must listen so that each row has a listener: a refusal could pass for a wall."""
    there = {socket.port for socket in target.listening(world) if socket.kind == "tcp"}
    bound = {"any": "::", "management": _management(world, target), "loopback": "127.0.0.1"}
    missing = {f"{bound[row.bound]}/{_port(world, row)}" for row in rows if _port(world, row) not in there}
    return [f"::/{TCP_PORT}", *sorted(missing)]


def _reached(world: World, target: Target, ports: list[int]) -> dict[str, set[int]]:
    """Return the ports of the place that each vantage point reaches, by any address and any way."""
    addresses = target.addresses(world)
    tries = {name: partial(way, world, target, addresses, ports) for name, way in _ways(target).items()}
    with ThreadPoolExecutor() as pool:
        found = dict(zip(tries, pool.map(lambda work: work(), tries.values()), strict=True))
    return {name: {int(word.rpartition("/")[2]) for word in words} for name, words in found.items()}


def _ways(target: Target):  # type: ignore[no-untyped-def]
    ways = {name: partial(_from_guest, name) for name in ("guest_closed", "guest_open")}
    ways |= {name: partial(_from_stranger, name) for name in ("provider", "tunnel", "management")}
    ways["host"] = _from_host
    if target.kind != "central":
        ways["central"] = _from_central
    if target.kind != "machine":
        ways["control"] = _from_machine
    assert set(ways) <= set(VANTAGES)
    return ways


def _words(addresses: list[str], ports: list[int], device: str) -> list[str]:
    """Return ADDRESS/PORT of all; a link-local address needs the device."""
    scoped = [f"{address}%{device}" if ":" in address else address for address in addresses]
    return [f"{address}/{port}" for address in scoped for port in ports]


def _from_guest(name: str, world: World, target: Target, addresses: list[str], ports: list[int]) -> set[str]:
    """By way of its router, then straight at its own host: every IPv4 address behind the MAC of its tap."""
    guest, place = world.guests[name]
    words = _words(addresses, ports, "eth0")
    found = place.reaches(words)
    mac = mac_of(guest.host, tap_of(guest))
    straight = [address for address in addresses if ":" not in address]
    guest.shell("; ".join(f"arp -s {a} {mac}; ip route add {a}/32 dev eth0" for a in straight))
    found |= place.reaches(_words(straight, ports, "eth0"))
    guest.shell("; ".join(f"ip route del {a}/32; arp -d {a}" for a in straight))
    return found


def _from_stranger(
    name: str, world: World, target: Target, addresses: list[str], ports: list[int]
) -> set[str]:
    """As anybody would, then to every MAC that the place has on that network."""
    place, bridge = world.strangers[name], "underlay" if name == "tunnel" else name
    found = place.reaches(_words(addresses, ports, "e0"))
    devices = {"provider": ("ex0", "br-ex"), "tunnel": ("ul0", "br-phy"), "management": ("mgmt0",)}[name]
    macs = [mac for device in devices if (mac := target.mac(device))]
    if (
        target.host is None and name == "management"
    ):  # any address of the machine, behind the one on this network
        macs = [Path(f"/sys/class/net/{world.instance.veth}/address").read_text().strip()]
    for mac in macs:
        for address in (address for address in addresses if ":" not in address):
            inside = ["ip", "-n", space_of(world.instance, bridge)]
            run([*inside, "neigh", "replace", address, "lladdr", mac, "dev", "e0", "nud", "permanent"])
            run([*inside, "route", "replace", f"{address}/32", "dev", "e0"])
        found |= place.reaches(_words([a for a in addresses if ":" not in a], ports, "e0"))
    return found


def _from_host(world: World, target: Target, addresses: list[str], ports: list[int]) -> set[str]:
    other = next(host for host in world.box.hosts if target.host is None or host.name != target.host.name)
    return _from_inside(other, world, target, addresses, ports)


def _from_central(world: World, target: Target, addresses: list[str], ports: list[int]) -> set[str]:
    return _from_inside(world.box.central, world, target, addresses, ports)


def _from_inside(
    host: Host, world: World, target: Target, addresses: list[str], ports: list[int]
) -> set[str]:
    place, found = host_place(host, world.probe), set[str]()
    with _way_to(target, world, addresses, "mgmt0", lambda args: host.exec(*args)):
        found |= place.reaches(_words(addresses, ports, "mgmt0"))
    link_local = [address for address in addresses if ":" in address]
    for device in ("ul0", "ex0", "br-phy", "br-ex"):
        found |= place.reaches(_words(link_local, ports, device))
    return found


def _from_machine(world: World, target: Target, addresses: list[str], ports: list[int]) -> set[str]:
    with _way_to(target, world, addresses, world.instance.veth, lambda args: run(args).stdout):
        return machine_place(world.probe).reaches(_words(addresses, ports, world.instance.veth))


@contextmanager
def _way_to(target: Target, world: World, addresses: list[str], device: str, execute: Run) -> Iterator[None]:
    """Lead to the target's other addresses by its management address: a program that listens on all has them all."""
    near = world.instance.management_ip(0).removesuffix("0")
    far = [address for address in addresses if ":" not in address and not address.startswith(near)]
    for address in far:
        execute(["ip", "route", "replace", f"{address}/32", "via", _management(world, target), "dev", device])
    try:
        yield
    finally:
        for address in far:
            execute(["ip", "route", "del", f"{address}/32", "dev", device])
