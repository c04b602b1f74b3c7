"""What somebody can open who has all files of one host and sits on the management network in its place.

See docs/security.md. tests/agent/test_stolen_host.py is about what the host's login to Redis opens.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

import pytest
from onebox.hosts import Host
from onebox.shell import run

from tests import tls_probe as probe
from tests.certificates import Listener, listeners, screens
from tests.onebox.fabric import Network
from tests.onebox_fixtures import Onebox

pytestmark = [pytest.mark.real, pytest.mark.requirement("SE-7")]

#: What `Thief.tries` takes.
Try = tuple[Listener, tuple[str, str] | None] | tuple[Listener, None, str, int]
Name = TypeVar("Name")
FILES = "/etc/scloud/pki"
#: Most tries wait for a firewall that answers nothing.
AT_A_TIME = 8


class Thief:
    """Root on the first host."""

    def __init__(self, onebox: Onebox) -> None:
        self.box = onebox
        self.host: Host = onebox.hosts[0]

    def pairs(self) -> list[tuple[str, str]]:
        """Every certificate on the host, with every key that fits it."""
        script = r"""
        places="/etc/scloud /etc/pki /var/lib /root /opt"
        declare -A public
        for k in $(grep -rlE 'BEGIN (EC |RSA |)PRIVATE KEY' $places); do
            public[$k]=$(openssl pkey -in $k -pubout)
        done
        for c in $(grep -rl 'BEGIN CERTIFICATE' $places --include='*.pem'); do
            of=$(openssl x509 -in $c -noout -pubkey)
            for k in "${!public[@]}"; do [ "$of" != "${public[$k]}" ] || echo "$c $k"; done
        done"""
        lines = self.host.exec("bash", "-c", script).splitlines()
        return [(line.split()[0], line.split()[1]) for line in lines]

    def tries(self, each: Listener, pair: tuple[str, str] | None, kind: str = "", port: int = 0) -> bool:
        """Return whether the listener admits what the thief shows."""
        arguments = [kind or each.kind, each.address, str(port or each.port), *(pair or ())]
        answer = self.host.exec("python3", "-", *arguments, stdin=Path(probe.__file__).read_text())
        assert answer in ("admitted", "refused"), answer
        return answer == "admitted"

    def opened(self, tries: Mapping[Name, Try]) -> set[Name]:
        """Return the names of those tries that were admitted."""
        with ThreadPoolExecutor(AT_A_TIME) as pool:
            admitted = pool.map(lambda each: self.tries(*each), tries.values())
            return {name for name, is_admitted in zip(tries, admitted, strict=True) if is_admitted}

    def southbound(self, *command: str) -> str:
        """Run a command on the southbound database as this host; return what was refused, or ""."""
        options = [f"--private-key={FILES}/host.key", f"--certificate={FILES}/host.pem"]
        options += [f"--ca-cert={FILES}/ovn-ca.pem", f"--db=ssl:{self.box.central.management_ip}:6642"]
        done = run(self.host.command(["ovn-sbctl", "--timeout=10", *options, *command]), check=False)
        return done.stderr.strip() if done.returncode else ""


@pytest.fixture(scope="module")
def thief(onebox: Onebox) -> Thief:
    return Thief(onebox)


@pytest.fixture(scope="module")
def others(onebox: Onebox) -> Iterator[dict[str, Listener]]:
    """All listeners but those of the stolen host itself."""
    with screens(onebox.hosts) as ports:
        every = listeners(onebox.instance, ports)
        yield {name: each for name, each in every.items() if not name.endswith(f" {onebox.hosts[0].name}")}


@pytest.mark.timeout(240)
def test_a_hosts_files_open_the_southbound_database_and_the_broker_and_nothing_else(
    thief: Thief, others: dict[str, Listener]
) -> None:
    pairs = thief.pairs()
    assert len({certificate for certificate, _ in pairs}) >= 4, "agent, libvirtd, screens, migration"
    tries: dict[tuple[str, str], Try] = {
        (name, certificate): (each, (certificate, key))
        for name, each in others.items()
        for certificate, key in dict(pairs).items()
    }
    assert thief.opened(tries) == {("southbound", f"{FILES}/host.pem"), ("redis", f"{FILES}/host.pem")}


def test_without_a_certificate_or_tls_a_host_reaches_nothing(
    thief: Thief, others: dict[str, Listener]
) -> None:
    tries: dict[str, Try] = {}
    for name, each in others.items():
        plain = 16509 if each.kind == "libvirt" else each.port
        tries[name] = (each, None)
        tries[f"{name} without TLS"] = (each, None, f"{each.kind} plain", plain)
    assert thief.opened(tries) == set()


@pytest.fixture
def network(onebox: Onebox) -> Iterator[Network]:
    """A network with one port, known to the southbound database."""
    made = Network(onebox, f"test-{uuid.uuid4().hex[:8]}")
    dhcp = made.create()
    try:
        made.add_port(11, dhcp)
        onebox.northbound("--wait=sb", "sync")
        yield made
    finally:
        made.remove()
        onebox.northbound("--if-exists", "destroy", "DHCP_Options", dhcp)


def test_a_host_cannot_change_what_is_not_its_own_in_the_southbound_database(
    thief: Thief, onebox: Onebox, network: Network
) -> None:
    own, other = (host.name for host in onebox.hosts)
    listing = onebox.central.exec("ovn-sbctl", "--bare", "--columns=_uuid", "list", "Logical_Flow")
    flow = listing.split()[0]
    before = onebox.central.exec("ovn-sbctl", "show")
    refused = {
        "other's chassis deleted": ["chassis-del", other],
        "other's chassis changed": ["set", "Chassis", other, "hostname=mine"],
        "other's private chassis": ["set", "Chassis_Private", other, "nb_cfg=77"],
        "other's tunnel end": ["set", "Encap", tunnel_end(onebox, other), "ip=192.0.2.1"],
        "a flow deleted": ["destroy", "Logical_Flow", flow],
        "a flow changed": ["set", "Logical_Flow", flow, "priority=1"],
        "a port deleted": ["--all", "destroy", "Port_Binding"],
        "a datapath deleted": ["--all", "destroy", "Datapath_Binding"],
        "the database's settings": ["set", "SB_Global", ".", "external_ids:mine=1"],
        "the listeners": ["del-connection"],
        "the listeners' certificates": ["set-ssl", "/key", "/cert", "/ca"],
        "its own rights": ["--all", "destroy", "RBAC_Role"],
    }
    for what, command in refused.items():
        answer = thief.southbound(*command)
        assert "permission error" in answer, f"{what}: {answer or 'accepted'}"
    assert onebox.central.exec("ovn-sbctl", "show") == before
    # What remains possible, as docs/security.md says: its own chassis, and what any host learns of addresses and ports.
    address, port = 'mac="02:00:00:00:00:01"', somebodys_port(onebox)
    datapath = (
        "datapath="
        + onebox.central.exec("ovn-sbctl", "--bare", "get", "Port_Binding", port, "datapath").strip()
    )
    for command in (
        ["set", "Chassis", own, "external_ids:probe=1"],
        ["remove", "Chassis", own, "external_ids", "probe"],
        ["create", "MAC_Binding", "logical_port=probe", "ip=192.0.2.1", address, datapath],
        ["create", "FDB", address, "dp_key=1", "port_key=1"],
        ["--all", "destroy", "FDB"],
        ["set", "Port_Binding", port, "options:probe=1"],
    ):
        assert thief.southbound(*command) == "", command


def somebodys_port(onebox: Onebox) -> str:
    """The id of somebody's port."""
    listing = onebox.central.exec("ovn-sbctl", "--bare", "--columns=_uuid", "find", "Port_Binding", 'type=""')
    return listing.split()[0]


def tunnel_end(onebox: Onebox, chassis: str) -> str:
    """The id of a chassis' tunnel end."""
    return onebox.central.exec(
        "ovn-sbctl", "--bare", "--columns=_uuid", "find", "Encap", f"chassis_name={chassis}"
    ).strip()


def test_a_guests_process_can_read_keys_for_screens_and_migration_only(onebox: Onebox) -> None:
    for host in [onebox.central, *onebox.hosts]:
        readable = host.exec(
            *("setpriv", "--reuid=5001", "--regid=5001", "--clear-groups", "--"),
            *("sh", "-c", "grep -rlE 'PRIVATE KEY' /etc /var/lib/scloud /root /run 2>/dev/null; true"),
        ).split()
        keys = (
            "libvirt-migrate/client-key.pem",
            "libvirt-migrate/server-key.pem",
            "libvirt-vnc/server-key.pem",
        )
        expected = [f"/etc/pki/{name}" for name in keys] if host in onebox.hosts else []
        assert sorted(readable) == expected


def test_no_authoritys_key_is_on_a_host_or_with_the_control_plane(onebox: Onebox) -> None:
    keys = [path.read_bytes() for path in (onebox.instance.var / "pki").glob("*/ca.key")]
    assert len(keys) >= 8
    places = [onebox.instance.var / "control", *(h.root / "etc" for h in [onebox.central, *onebox.hosts])]
    placed = [
        path for place in places for path in place.rglob("*") if path.is_file() and not path.is_symlink()
    ]
    assert [path for path in placed if path.read_bytes() in keys] == []
