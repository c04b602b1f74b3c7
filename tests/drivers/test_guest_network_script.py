"""The script that guest agents run, in a network namespace of its own; in real guests `test_guests.py` runs it."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from apps.drivers.guest_network import lines_of
from apps.drivers.libvirt.guest_network_text import SCRIPT
from apps.drivers.specs import GATEWAY_V4, GATEWAY_V6, GuestAddress, GuestNetwork, GuestNic

pytestmark = [pytest.mark.requirement("EI-3"), pytest.mark.timeout(60)]

INTERNAL, EXTERNAL = "02:00:00:00:00:01", "02:00:00:00:00:02"
# What is a device has a directory of that name; a pair of the kernel's test NICs has none, so it is put in its place.
PREPARE = f"""
mount -t tmpfs none /run && mount -t tmpfs none /sys/class
for nic in "nic0 {INTERNAL}" "nic1 {EXTERNAL}"; do
    set -- $nic
    ip link add "$1" address "$2" type veth peer name "$1-peer"
    ip link set "$1-peer" up
    mkdir -p "/sys/class/net/$1/device" && echo "$2" >"/sys/class/net/$1/address"
done
ip link set lo up
ip link set nic0 up
ip addr add 10.0.1.11/24 dev nic0
ip route add default via 10.0.1.1
echo ready
exec sleep 60
"""
FIRST = GuestAddress("203.0.113.9/32", GATEWAY_V4, ("0.0.0.0/0",))
SECOND = GuestAddress("172.20.1.9/32", GATEWAY_V4, ("172.21.0.0/16",))
SIXTH = GuestAddress("2001:db8::9/128", GATEWAY_V6, ("::/0",))
OWN = GuestAddress("10.0.1.11/24", "10.0.1.1")


@dataclass
class FakeGuest:
    """Namespaces with two NICs, the first of which has an address and the default route."""

    pid: int
    shell: str

    def run(self, *command: str, text: str = "") -> subprocess.CompletedProcess[str]:
        inside = ("nsenter", f"--target={self.pid}", "--net", "--mount", "--")
        return subprocess.run([*inside, *command], input=text, capture_output=True, text=True, check=False)

    def configure(self, *nics: GuestNic, path: str = "/usr/sbin") -> tuple[int, str]:
        """Run the script. `path`: the directory in which it looks for commands first."""
        given = "".join(f"{line}\n" for line in lines_of(GuestNetwork(nics)))
        script = SCRIPT.replace("PATH=/usr/sbin", f"PATH={path}:/usr/sbin")
        done = self.run(self.shell, "-c", script, text=given)
        assert done.stderr == ""
        return done.returncode, done.stdout.strip()

    def ip(self, *words: str) -> str:
        return self.run("ip", *words).stdout

    @property
    def addresses(self) -> set[str]:
        found = [line.split() for line in self.ip("-oneline", "addr", "show", "scope", "global").splitlines()]
        return {f"{words[1]} {words[3]}" for words in found}

    @property
    def everything(self) -> tuple[set[str], str]:
        rules = self.ip("rule") + self.ip("-6", "rule")
        routes = self.ip("route", "show", "table", "all") + self.ip("-6", "route", "show", "table", "all")
        kept = [line for line in routes.splitlines() if "local" not in line and "fe80" not in line]
        return self.addresses, rules + "\n".join(line for line in kept if "ff00" not in line)

    def leaves_by(self, source: str, to: str) -> str:
        words = self.ip("route", "get", to, *(("from", source) if source else ())).split()
        return words[words.index("dev") + 1]


@pytest.fixture
def guest(request: pytest.FixtureRequest) -> Iterator[FakeGuest]:
    started = subprocess.Popen(
        ["unshare", "--net", "--mount", "sh", "-c", PREPARE], stdout=subprocess.PIPE, text=True
    )
    assert started.stdout is not None
    try:
        assert started.stdout.readline() == "ready\n"
        yield FakeGuest(started.pid, getattr(request, "param", "dash"))
    finally:
        started.kill()
        started.wait()
        started.stdout.close()


def test_addresses_answer_by_the_nic_they_are_on_whatever_the_default_route(guest: FakeGuest) -> None:
    named = replace(FIRST, routes=())
    assert guest.configure(GuestNic(EXTERNAL, (named, SECOND))) == (0, "")
    assert guest.addresses == {"nic0 10.0.1.11/24", "nic1 203.0.113.9/32", "nic1 172.20.1.9/32"}
    assert guest.leaves_by("203.0.113.9", "198.51.100.7") == "nic1"
    assert guest.leaves_by("172.20.1.9", "10.0.1.99") == "nic1"
    assert guest.leaves_by("10.0.1.11", "198.51.100.7") == "nic0"
    assert guest.leaves_by("", "198.51.100.7") == "nic0"
    assert guest.leaves_by("", "172.21.4.4") == "nic1", "a named destination leaves by its segment"


@pytest.mark.requirement("EI-4")
def test_the_egress_takes_what_has_no_source_and_leaves_the_clients_default_route_where_it_is(
    guest: FakeGuest,
) -> None:
    before = guest.everything
    assert guest.configure(GuestNic(EXTERNAL, (FIRST, SIXTH)), GuestNic(INTERNAL, (OWN,))) == (0, "")
    assert "src 203.0.113.9" in guest.ip("route", "get", "198.51.100.7")
    assert "src 2001:db8::9" in guest.ip("-6", "route", "get", "2001:db8:ffff::1")
    assert guest.leaves_by("10.0.1.11", "198.51.100.7") == "nic0"
    assert guest.leaves_by("", "10.0.1.12") == "nic0"
    assert guest.configure(GuestNic(EXTERNAL)) == (0, "")
    assert guest.everything == before


@pytest.mark.parametrize("guest", ["dash", "bash"], indirect=True)
def test_the_same_again_changes_nothing_and_less_removes_the_rest(guest: FakeGuest) -> None:
    nics = (GuestNic(EXTERNAL, (FIRST, SECOND, SIXTH)),)
    assert guest.configure(*nics) == (0, "")
    whole = guest.everything
    assert guest.configure(*nics) == (0, "")
    assert guest.everything == whole
    assert guest.configure(GuestNic(EXTERNAL, (SECOND,))) == (0, "")
    less = guest.everything
    assert less[0] == {"nic0 10.0.1.11/24", "nic1 172.20.1.9/32"}
    assert "203.0.113.9" not in less[1] and "2001:db8" not in less[1]
    assert guest.configure(*nics) == (0, "")
    assert guest.leaves_by("", "198.51.100.7") == "nic1"


def test_what_somebody_removed_comes_back(guest: FakeGuest) -> None:
    nics = (GuestNic(EXTERNAL, (FIRST, SIXTH)),)
    guest.configure(*nics)
    whole = guest.everything
    guest.ip("addr", "flush", "dev", "nic1", "scope", "global")
    guest.ip("rule", "flush")
    guest.ip("rule", "add", "pref", "32766", "table", "main")
    guest.ip("-6", "rule", "del", "pref", "1000")
    assert guest.configure(*nics) == (0, "")
    assert guest.addresses == whole[0]
    assert guest.leaves_by("203.0.113.9", "198.51.100.7") == "nic1"
    assert "2001:db8::9 lookup" in guest.ip("-6", "rule")


@pytest.mark.parametrize("first", ["client", "agent"])
def test_the_address_of_a_nic_that_is_named_no_more_stays(guest: FakeGuest, first: str) -> None:
    """The internal NIC's is its DHCP client's, whoever set it first; the external NIC's goes with its EIP, likewise."""
    guest.ip("addr", "add", "203.0.113.9/32", "dev", "nic1")
    if first == "agent":
        guest.ip("addr", "flush", "dev", "nic0", "scope", "global")
    guest.configure(GuestNic(EXTERNAL, (FIRST,)), GuestNic(INTERNAL, (OWN,)))
    assert guest.configure(GuestNic(EXTERNAL)) == (0, "")
    assert guest.addresses == {"nic0 10.0.1.11/24"}


def test_what_the_guest_has_set_itself_is_left_alone(guest: FakeGuest) -> None:
    guest.ip("addr", "add", "192.0.2.5/32", "dev", "nic1")
    guest.ip("rule", "add", "pref", "1000", "from", "192.0.2.5", "table", "50")
    before = guest.everything
    guest.configure(GuestNic(EXTERNAL, (FIRST, SECOND)))
    guest.configure(GuestNic(EXTERNAL))
    assert guest.everything == before


def test_a_nic_that_is_missing_is_named_and_the_others_are_configured(guest: FakeGuest) -> None:
    gone = GuestNic("02:00:00:00:00:77", (GuestAddress("192.0.2.7/32", GATEWAY_V4),))
    assert guest.configure(gone, GuestNic(EXTERNAL, (FIRST,))) == (11, gone.mac)
    assert "nic1 203.0.113.9/32" in guest.addresses
    assert guest.configure(GuestNic(EXTERNAL, (FIRST,))) == (0, "")


def ip_command(directory: Path, first: str) -> str:
    """Make an `ip` command that runs these lines first; return its directory."""
    command = directory / "ip"
    command.write_text(f'#!/bin/sh\n{first}\nexec /usr/sbin/ip "$@"\n')
    command.chmod(0o755)
    return str(directory)


@pytest.mark.requirement("EN-2")
def test_a_nic_that_was_just_plugged_in_is_waited_for(guest: FakeGuest, tmp_path: Path) -> None:
    plugged, directory = GuestNic("02:00:00:00:00:77", (SECOND,)), "/sys/class/net/nic2"
    later = (
        # It comes when it has been looked for already.
        f'[ "$*" != "link set nic1 up" ] || [ -e {directory} ] || {{\n'
        f"/usr/sbin/ip link add nic2 address {plugged.mac} type veth peer name nic2-peer\n"
        f"mkdir -p {directory}/device; echo {plugged.mac} >{directory}/address\n}}"
    )
    path = ip_command(tmp_path, later)
    assert guest.configure(plugged, GuestNic(EXTERNAL, (FIRST,)), path=path) == (0, "")
    assert guest.addresses >= {"nic1 203.0.113.9/32", "nic2 172.20.1.9/32"}
    assert guest.leaves_by("172.20.1.9", "10.0.1.99") == "nic2"


def test_what_an_earlier_run_adds_meanwhile_is_no_failure(guest: FakeGuest, tmp_path: Path) -> None:
    """A run that takes too long is given up by the host, and goes on in the guest."""
    given = GuestNic(EXTERNAL, (FIRST, SECOND))
    twice = 'case "$*" in *"addr add"* | *"rule add"*) /usr/sbin/ip "$@" ;; esac'
    assert guest.configure(given, path=ip_command(tmp_path, twice)) == (0, "")
    assert guest.leaves_by("172.20.1.9", "10.0.1.99") == "nic1"


def test_a_command_that_fails_is_reported_and_the_rest_is_done(guest: FakeGuest) -> None:
    guest.run("sysctl", "-qw", "net.ipv6.conf.nic1.disable_ipv6=1")
    status, said = guest.configure(GuestNic(EXTERNAL, (FIRST, SIXTH)))
    assert (status, said.startswith("ip -6 addr add 2001:db8::9/128 dev nic1: ")) == (12, True)
    assert guest.leaves_by("", "198.51.100.7") == "nic1"
    guest.run("sysctl", "-qw", "net.ipv6.conf.nic1.disable_ipv6=0")
    assert guest.configure(GuestNic(EXTERNAL, (FIRST, SIXTH))) == (0, "")


def test_with_an_ip_command_that_knows_few_words_ipv6_addresses_answer_at_once(
    guest: FakeGuest, tmp_path: Path
) -> None:
    """As busybox: duplicates are not looked for all the same, which would take one or two seconds an address."""
    calls = tmp_path / "calls"
    path = ip_command(tmp_path, f'echo "$*" >>{calls}\ncase "$*" in *nodad* | *onlink*) exit 1 ;; esac')
    assert guest.configure(GuestNic(EXTERNAL, (FIRST, SIXTH)), path=path) == (0, "")
    assert "tentative" not in guest.ip("-6", "addr", "show", "scope", "global")
    assert guest.leaves_by("", "2001:db8:ffff::1") == "nic1"
    assert calls.read_text().count("addr show scope global") <= 2, "it waited for something"
    assert guest.run("cat", "/proc/sys/net/ipv6/conf/nic1/accept_dad").stdout == "1\n", "as it was"


def test_a_guest_without_an_ip_command_says_so(guest: FakeGuest, tmp_path: Path) -> None:
    text = SCRIPT.replace("/usr/sbin:/usr/bin:/sbin:/bin:$PATH", str(tmp_path))
    assert guest.run(guest.shell, "-c", text).returncode == 10
