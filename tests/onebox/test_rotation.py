"""New certificates by one command: guests keep running, open connections live on, old certificates are worthless."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import psycopg
import pytest
from onebox.shell import run, wait_until
from redis import Redis

from apps.drivers.ovn.fabric import OvnFabric
from apps.drivers.specs import VpcSpec
from tests.certificates import Listener, holders, listeners, screens
from tests.drivers.samples import new_id
from tests.onebox.conftest import onebox_command
from tests.onebox.test_migration import connected
from tests.onebox_fixtures import Onebox
from tests.tls_probe import admits, opened

pytestmark = [pytest.mark.real, pytest.mark.requirement("SE-7"), pytest.mark.timeout(240)]


@pytest.fixture(scope="module")
def every_listener(onebox: Onebox) -> Iterator[dict[str, Listener]]:
    with screens(onebox.hosts) as ports:
        yield listeners(onebox.instance, ports)


def serials(listeners: dict[str, Listener], pairs: dict[str, tuple[str, str]]) -> dict[str, bytes | None]:
    """The certificate that each listener shows to somebody it admits."""
    shown = {}
    for name, each in listeners.items():
        with opened(each.kind, each.address, each.port, pairs[min(each.admitted)]) as link:
            shown[name] = link.getpeercert(binary_form=True)  # type: ignore[attr-defined]
    return shown


def running(onebox: Onebox) -> dict[str, set[str]]:
    """The processes of guests on each host."""
    return {host.name: set(host.exec("pgrep", "qemu-system", check=False).split()) for host in onebox.hosts}


class OpenConnections:
    """One connection of each kind, as the control plane makes them."""

    def __init__(self, onebox: Onebox, stack: ExitStack) -> None:
        values = onebox.environment
        self.redis = stack.enter_context(Redis.from_url(values["REDIS_URL"], single_connection_client=True))
        self.database: Any = stack.enter_context(psycopg.connect(values["DATABASE_URL"], autocommit=True))
        self.fabric = OvnFabric(onebox.ovn_northbound)
        stack.callback(self.fabric.close)
        self.hosts = [connected(onebox, host) for host in onebox.hosts]
        for link in self.hosts:
            stack.callback(link.close)

    def identity(self) -> list[Any]:
        """What would differ had a connection been made again."""
        self.fabric.ensure_absent(VpcSpec, new_id())
        self.fabric.inventory()
        return [
            self.redis.client_id(),
            self.database.execute("SELECT pg_backend_pid()").fetchone(),
            [link.getHostname() for link in self.hosts],
            [link.isAlive() for link in self.hosts],
        ]


def test_rotation_replaces_every_certificate_and_key_while_all_goes_on(
    onebox: Onebox, every_listener: dict[str, Listener], tmp_path: Path
) -> None:
    found, old = onebox.instance, tmp_path / "old"
    shutil.copytree(found.var / "pki", old)
    pairs = holders(found)
    before, guests = serials(every_listener, pairs), running(onebox)
    keys = {name: Path(key).read_bytes() for name, (_, key) in pairs.items()}
    with ExitStack() as stack:
        connections = OpenConnections(onebox, stack)
        identity = connections.identity()
        screens_open = [
            stack.enter_context(opened(each.kind, each.address, each.port, pairs["console/console"]))
            for name, each in every_listener.items()
            if name.startswith("screen")
        ]
        run(onebox_command(found, "rotate", "--authorities"))
        assert connections.identity() == identity
        for screen in screens_open:
            screen.sendall(bytes(16))  # a wrong password, and an answer to it
            assert int.from_bytes(screen.recv(4), "big") == 1
    assert running(onebox) == guests
    assert [name for name, (_, key) in pairs.items() if Path(key).read_bytes() == keys[name]] == []
    after = serials(every_listener, pairs)
    assert [name for name in before if before[name] == after[name]] == []
    welcome = [
        (name, holder)
        for name, each in every_listener.items()
        for holder in each.admitted
        if admits(each.kind, each.address, each.port, (f"{old}/{holder}.pem", f"{old}/{holder}.key"))
    ]
    assert welcome == [], "a certificate of before the rotation is still admitted"


def test_hosts_reconnect_to_the_southbound_database_with_new_certificates(onebox: Onebox) -> None:
    run(onebox_command(onebox.instance, "rotate"))
    onebox.central.exec("ovs-appctl", "-t", "/run/ovn/ovnsb_db.ctl", "ovsdb-server/reconnect")
    for host in onebox.hosts:
        wait_until(
            lambda h=host: h.exec("ovn-appctl", "connection-status", check=False).strip() == "connected",
            f"{host.name} to be connected to the southbound database",
            seconds=120,
        )
