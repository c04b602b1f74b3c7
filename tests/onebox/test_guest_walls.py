"""A guest attacks the host it runs on: what enters from a tap reaches nothing there, and guests lose nothing by it.

Three layers keep guests out, and each is tried alone: no IPv6 on taps, rules that name what is admitted, and a drop at
the tap itself.
"""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import libvirt
import pytest
from onebox.hosts import Host
from onebox.shell import OneboxError, run, wait_until

from tests.onebox import frames
from tests.onebox.fabric import Guest, Network
from tests.onebox.probing import (
    TCP_PORT,
    UDP_PORT,
    Forgotten,
    Place,
    forgotten_listener,
    guest_place,
    mac_of,
    program,
    space_of,
    stranger,
    tap_of,
)
from tests.onebox_fixtures import Onebox

pytestmark = [pytest.mark.real, pytest.mark.timeout(300), pytest.mark.requirement("SE-10")]

GUARD = "/usr/local/lib/scloud/guard-taps"


@dataclass
class Attack:
    """A guest, one of its network on the other host, and a listener on all addresses of the first one's host."""

    guest: Guest
    peer: Guest
    place: Place
    mac: str
    forgotten: Forgotten

    @property
    def host(self) -> Host:
        return self.guest.host

    @property
    def tap(self) -> str:
        return tap_of(self.guest)

    @property
    def tap_mac(self) -> str:
        return mac_of(self.host, self.tap)

    def send(self, *sent: bytes) -> list[bytes]:
        """Send frames, wait until the tap has taken all of them, and return what the guest received."""
        before = self._taken()
        answers = self.place.send("eth0", *sent)
        wait_until(lambda: self._taken() >= before + len(sent), "frames at the tap", seconds=60)
        return answers

    def _taken(self) -> int:
        return int(self.host.exec("cat", f"/sys/class/net/{self.tap}/statistics/rx_packets"))


@pytest.fixture(scope="module")
def probe(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return program(tmp_path_factory.mktemp("probe"))


@pytest.fixture(scope="module")
def attack(onebox: Onebox, probe: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Attack]:
    with network_of_guests(onebox) as (network, dhcp, guests):
        guests += [
            Guest(onebox.hosts[0], f"g21-{network.name}"),
            Guest(onebox.hosts[1], f"g32-{network.name}"),
        ]
        guest, peer = guests
        port, mac = network.add_port(21, dhcp)
        guest.start(onebox, port, mac)
        guest.wait_for_agent()
        peer.start(onebox, *network.add_port(32, dhcp))  # boots while the first is at work
        output = tmp_path_factory.mktemp("forgotten") / "output"
        with forgotten_listener(guest.host.command(["python3"]), output) as forgotten:
            yield Attack(guest, peer, guest_place(guest, probe), mac, forgotten)


@contextmanager
def everything(attack: Attack) -> Iterator[None]:
    """Leave the host as it is."""
    yield


@contextmanager
def only_the_tap(attack: Attack) -> Iterator[None]:
    """Leave nothing but the drop at the tap."""
    with _without_settings(attack), _without_tables(attack):
        yield


@contextmanager
def only_the_tables(attack: Attack) -> Iterator[None]:
    """Leave nothing but the tables that name what is admitted."""
    with _without_settings(attack), _without_guard(attack):
        yield


@contextmanager
def only_the_settings(attack: Attack) -> Iterator[None]:
    """Leave nothing but the kernel settings."""
    with _without_tables(attack), _without_guard(attack):
        yield


@contextmanager
def _without_tables(attack: Attack) -> Iterator[None]:
    attack.host.exec("nft", "delete table inet scloud_host; delete table arp scloud_host")
    try:
        yield
    finally:
        attack.host.exec("systemctl", "reload", "scloud-firewall")


@contextmanager
def _without_guard(attack: Attack) -> Iterator[None]:
    attack.host.exec("nft", "delete", "table", "netdev", "scloud_guard")
    try:
        yield
    finally:
        attack.host.exec(GUARD)


@contextmanager
def _without_settings(attack: Attack) -> Iterator[None]:
    """Give the tap an IPv6 address, and have the host answer on it for all of its addresses and to every sender."""
    names = [f"net.ipv6.conf.{attack.tap}.{name}" for name in ("disable_ipv6", "accept_ra")]
    for device in ("all", attack.tap):
        names += [f"net.ipv4.conf.{device}.{name}" for name in ("arp_ignore", "rp_filter")]
    before = attack.host.exec("sysctl", *names).replace(" ", "").split()
    changed = [f"{name}={int(name.endswith('accept_ra'))}" for name in names]
    attack.host.exec("sysctl", "-qw", *changed)
    try:
        wait_until(lambda: _is_settled(attack), "an IPv6 address on the tap", seconds=60)
        yield
    finally:
        attack.host.exec("sysctl", "-qw", *before)


def _is_settled(attack: Attack) -> bool:
    addresses = attack.host.exec("ip", "-6", "addr", "show", "dev", attack.tap)
    return "fe80" in addresses and "tentative" not in addresses


@pytest.fixture(
    params=[everything, only_the_tap, only_the_tables, only_the_settings], ids=lambda layer: layer.__name__
)
def walls(request: pytest.FixtureRequest, attack: Attack) -> Iterator[None]:
    """All layers together, and each alone."""
    with request.param(attack):
        yield


def test_a_guest_reaches_no_ipv6_address_of_its_tap(attack: Attack, walls: None) -> None:
    address = frames.link_local(attack.tap_mac)
    answers = attack.send(
        frames.echo_request(attack.mac, attack.tap_mac, address),
        frames.echo_request(attack.mac, frames.ALL_NODES_MAC, frames.ALL_NODES),
    )
    assert frames.echo_answers(answers) == set()
    assert attack.place.reaches([f"{address}%eth0/{port}" for port in (TCP_PORT, 16514)]) == set()


def test_a_router_advertisement_from_a_guest_changes_no_route_and_no_address(
    attack: Attack, walls: None
) -> None:
    before = attack.host.exec("ip", "-6", "addr", "show", "scope", "global")
    receivers = (frames.ALL_NODES_MAC, attack.tap_mac)
    attack.send(*(frames.router_advertisement(attack.mac, mac) for mac in receivers))
    assert attack.host.exec("ip", "-6", "route", "show", "default").strip() == ""
    assert attack.host.exec("ip", "-6", "addr", "show", "scope", "global") == before


def test_a_datagram_with_a_forged_sender_does_not_reach_the_host(
    onebox: Onebox, attack: Attack, walls: None
) -> None:
    host = attack.host
    senders = (onebox.instance.control_ip, onebox.hosts[1].management_ip, onebox.hosts[1].underlay_ip)
    targets = (host.management_ip, host.underlay_ip)
    words = {f"{sender}-{target}": (sender, target) for sender in senders for target in targets}
    attack.send(
        *(
            frames.datagram(attack.mac, attack.tap_mac, sender, target, UDP_PORT, word.encode())
            for word, (sender, target) in words.items()
        )
    )
    _say(attack.host, word := uuid.uuid4().hex)
    wait_until(lambda: word in attack.forgotten.received(), "a datagram from the host itself", seconds=60)
    assert attack.forgotten.received() & set(words) == set()


def _say(host: Host, word: str) -> None:
    """Send a datagram from the host to itself: the listener does say what it receives."""
    code = (
        f"import socket; socket.socket(type=socket.SOCK_DGRAM).sendto(b'{word}', ('127.0.0.1', {UDP_PORT}))"
    )
    host.exec("python3", "-c", code)


def test_nobody_answers_a_guest_that_asks_for_the_hosts_addresses_by_arp(attack: Attack, walls: None) -> None:
    addresses = (attack.host.management_ip, attack.host.underlay_ip)
    answers = attack.send(*(_asked_by_a_neighbour(attack.mac, address) for address in addresses))
    for address in addresses:
        assert frames.arp_answers(answers, address) == set()


def _asked_by_a_neighbour(mac: str, address: str) -> bytes:
    """Return a question for an address from another one of its subnet."""
    return frames.arp_request(mac, address.rpartition(".")[0] + ".99", address)


def test_a_guest_cannot_use_its_host_as_a_router(onebox: Onebox, attack: Attack) -> None:
    targets = [f"{onebox.hosts[1].management_ip}/16514", f"{onebox.central.management_ip}/6641"]
    targets += [f"{onebox.instance.control_ip}/{onebox.instance.redis_port}"]
    with routed_through_the_tap(attack, [target.partition("/")[0] for target in targets]):
        assert attack.place.reaches(targets) == set()


@contextmanager
def routed_through_the_tap(attack: Attack, addresses: list[str]) -> Iterator[None]:
    """Have the guest send these straight to the MAC of its tap."""
    shell = attack.guest.shell
    for address in addresses:
        shell(f"arp -s {address} {attack.tap_mac}; ip route add {address}/32 dev eth0")
    yield
    for address in addresses:
        shell(f"ip route del {address}/32; arp -d {address}")


@pytest.mark.parametrize("bridge", ["underlay", "provider", "management"])
def test_arp_is_answered_only_by_the_interface_that_owns_the_address(
    onebox: Onebox, probe: Path, bridge: str
) -> None:
    """A tunnel port and its bridge once both answered, and a cache with the wrong one cut the overlay."""
    owners = {"underlay": "br-phy", "management": "mgmt0"}
    subnets = {"underlay": onebox.instance.underlay_ip(99), "management": onebox.instance.management_ip(99)}
    address = subnets.get(bridge, onebox.instance.management_ip(99))
    with stranger(onebox.instance, bridge, address, probe) as place:
        mac = _mac_of_stranger(onebox, bridge)
        targets = {host.underlay_ip: (host, "underlay") for host in onebox.hosts}
        targets |= {host.management_ip: (host, "management") for host in onebox.hosts}
        answers = place.send("e0", *(_asked_by_a_neighbour(mac, target) for target in targets))
        for target, (host, owner) in targets.items():
            expected = {mac_of(host, owners[owner])} if owner == bridge else set()
            assert frames.arp_answers(answers, target) == expected, (host.name, target)


def _mac_of_stranger(onebox: Onebox, bridge: str) -> str:
    space = space_of(onebox.instance, bridge)
    return run(["ip", "netns", "exec", space, "cat", "/sys/class/net/e0/address"]).stdout.strip()


def guarded(host: Host) -> set[str]:
    """Return the devices at which the host drops what enters its own stack."""
    listing = host.exec("nft", "list", "table", "netdev", "scloud_guard")
    names = listing.partition("devices = {")[2].partition("}")[0]
    return {name.strip(' "') for name in names.split(",")}


def test_devices_of_open_vswitch_without_an_address_of_the_host_are_guarded(
    onebox: Onebox, attack: Attack
) -> None:
    for host in onebox.hosts:
        assert {"br-int", "br-ex", "ex0", "ul0"} <= guarded(host)
    assert attack.tap in guarded(attack.host)
    assert "mgmt0" not in guarded(attack.host) and "br-phy" not in guarded(attack.host)


@contextmanager
def network_of_guests(onebox: Onebox) -> Iterator[tuple[Network, str, list[Guest]]]:
    """Give a network, its DHCP options, and a list of the guests to remove in the end."""
    network, guests = Network(onebox, f"walls-{uuid.uuid4().hex[:8]}"), list[Guest]()
    dhcp = network.create()
    try:
        yield network, dhcp, guests
    finally:
        for guest in guests:
            guest.remove(onebox)
        network.remove()
        onebox.northbound("--if-exists", "destroy", "DHCP_Options", dhcp)


def test_a_guest_whose_tap_cannot_be_guarded_is_not_started(onebox: Onebox) -> None:
    host = onebox.hosts[1]
    with network_of_guests(onebox) as (network, dhcp, guests):
        guests.append(guest := Guest(host, f"g33-{network.name}"))
        host.exec("mv", GUARD, f"{GUARD}.away")
        try:
            with pytest.raises(OneboxError, match=r"(?i)hook"):
                guest.start(onebox, *network.add_port(33, dhcp))
        finally:
            host.exec("mv", f"{GUARD}.away", GUARD)
        assert host.exec("virsh", "domstate", guest.name).strip() == "shut off"


@pytest.mark.timeout(400)
def test_a_guest_gets_its_address_answers_and_migrates_with_every_layer_in_place(
    onebox: Onebox, attack: Attack
) -> None:
    here, there = onebox.hosts
    guest, peer = attack.guest, attack.peer
    peer.wait_for_agent()
    _wait_pings(guest, "10.77.0.32")  # DHCP gave the addresses, Geneve carries the packets

    tap = attack.tap
    _migrate(here, there, guest.name)
    guest.host = there
    assert attack.tap in guarded(there)
    _wait_pings(guest, "10.77.0.32")
    _wait_pings(peer, "10.77.0.21")
    wait_until(lambda: tap not in guarded(here), "the tap's rule to go with the tap", seconds=60)
    # Where the other tests look for it.
    _migrate(there, here, guest.name)
    guest.host = here


def _wait_pings(guest: Guest, address: str) -> None:
    wait_until(
        lambda: guest.shell(f"ping -c 1 -w 2 {address} | grep -c 'bytes from'").strip() == "1",
        f"{address} to answer {guest.name}",
        seconds=60,
    )


def _migrate(here: Host, there: Host, name: str) -> None:
    """Migrate live as the control plane would: it speaks to both libvirts, the hosts only carry the memory."""
    connections = [libvirt.open(_socket_of(host)) for host in (here, there)]
    try:
        flags = libvirt.VIR_MIGRATE_LIVE | libvirt.VIR_MIGRATE_UNSAFE | libvirt.VIR_MIGRATE_TLS
        connections[0].lookupByName(name).migrate3(connections[1], {}, flags)
    finally:
        for connection in connections:
            connection.close()


def _socket_of(host: Host) -> str:
    return f"qemu+unix:///system?socket=/proc/{host.pid()}/root/run/libvirt/libvirt-sock"


# --- boot and reload ---


def test_the_rules_are_loaded_before_any_nic_is_up(onebox: Onebox) -> None:
    for host in (onebox.central, *onebox.hosts):
        wanted = ("ActiveEnterTimestampMonotonic", "ExecMainStartTimestampMonotonic", "Before")
        rules = _properties(host, "scloud-firewall", *wanted)
        nics = _properties(host, "onebox-nics", *wanted)
        assert "network-pre.target" in rules["Before"].split()
        loaded = int(rules["ActiveEnterTimestampMonotonic"])
        assert 0 < loaded < int(nics["ExecMainStartTimestampMonotonic"]), host.name


def _properties(host: Host, unit: str, *names: str) -> dict[str, str]:
    lines = host.exec("systemctl", "show", unit, *(f"--property={name}" for name in names)).splitlines()
    return dict(line.split("=", 1) for line in lines)


@pytest.mark.timeout(240)
def test_after_a_power_cut_the_rules_are_there_as_soon_as_the_host_answers(
    onebox: Onebox, probe: Path
) -> None:
    host = onebox.hosts[1]
    host.power_cut()
    with stranger(onebox.instance, "management", onebox.instance.management_ip(99), probe) as place:
        answered: list[set[str]] = []
        switching = threading.Thread(target=onebox.switch_on, args=(host,))
        switching.start()
        while switching.is_alive():
            answered.append(place.reaches([f"{host.management_ip}/{port}" for port in (22, 16514)]))
        switching.join()
    assert answered and set().union(*answered) == set()
    assert "scloud_host" in host.exec("nft", "list", "tables")
    assert {"br-int", "br-ex", "ex0", "ul0"} <= guarded(host)


BROKEN: list[Callable[[str], str]] = [
    lambda text: text.replace("SCLOUD_CONTROL=", "SCLOUD_CONTROL=nonsense,"),
    lambda text: text.replace("SCLOUD_MANAGEMENT_NIC", "MISSPELLED"),
    lambda text: text.replace("=compute", "=something"),
]


@pytest.mark.parametrize("broken", BROKEN, ids=["address", "missing", "role"])
def test_wrong_settings_leave_the_loaded_rules_and_at_boot_close_the_host(
    onebox: Onebox, broken: Callable[[str], str]
) -> None:
    host = onebox.hosts[1]
    file = host.root / "etc/scloud/firewall.env"
    good, rules = file.read_text(), host.exec("nft", "list", "table", "inet", "scloud_host")
    try:
        host.exec("sh", "-c", "cat >/etc/scloud/firewall.env", stdin=broken(good))
        host.exec("systemctl", "reload", "scloud-firewall", check=False)
        assert _without_counters(
            host.exec("nft", "list", "table", "inet", "scloud_host")
        ) == _without_counters(rules)
        host.exec("systemctl", "restart", "scloud-firewall", check=False)
        closed = host.exec("nft", "list", "table", "inet", "scloud_host")
        assert "policy drop" in closed and "mgmt0" not in closed
        assert host.exec("systemctl", "is-failed", "scloud-firewall", check=False).strip() == "failed"
    finally:
        host.exec("sh", "-c", "cat >/etc/scloud/firewall.env", stdin=good)
        host.exec("systemctl", "restart", "scloud-firewall")
    assert "mgmt0" in host.exec("nft", "list", "table", "inet", "scloud_host")


def _without_counters(listing: str) -> list[str]:
    return [line for line in listing.splitlines() if "counter" not in line]


def test_nothing_is_installed_at_taps_under_the_kernel_datapath(onebox: Onebox) -> None:
    """There the switch takes a frame off its device after this hook: a drop would cut guests off."""
    host = onebox.hosts[1]
    try:
        host.exec(
            "sh",
            "-c",
            f"echo SCLOUD_DATAPATH=system >/run/kernel.env; SCLOUD_NETWORK_ENV=/run/kernel.env {GUARD}",
        )
        assert "scloud_guard" not in host.exec("nft", "list", "tables")
    finally:
        host.exec(GUARD)
    assert "br-int" in guarded(host)
