"""A guest moves between hosts by hand: over TLS, connected by the control plane, and in no other way."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import libvirt
import pytest
from onebox import certificates
from onebox.hosts import Host
from onebox.shell import patience

from tests.onebox.fabric import Guest, Network
from tests.onebox_fixtures import Onebox

pytestmark = [pytest.mark.real, pytest.mark.requirement("SE-7"), pytest.mark.timeout(240)]

MOVE = libvirt.VIR_MIGRATE_LIVE | libvirt.VIR_MIGRATE_PERSIST_DEST | libvirt.VIR_MIGRATE_UNDEFINE_SOURCE
AIM_SECONDS = 10.0


@pytest.fixture(scope="module")
def guest(onebox: Onebox) -> Iterator[Guest]:
    network = Network(onebox, f"test-{uuid.uuid4().hex[:8]}")
    dhcp = network.create()
    started = Guest(onebox.hosts[0], f"move-{network.name}")
    try:
        started.start(onebox, *network.add_port(11, dhcp))
        started.wait_for_agent()
        yield started
    finally:
        for host in onebox.hosts:
            host.exec("virsh", "destroy", started.name, check=False)
            host.exec("virsh", "undefine", started.name, check=False)
        started.remove(onebox)
        network.remove()
        onebox.northbound("--if-exists", "destroy", "DHCP_Options", dhcp)


def connected(onebox: Onebox, host: Host) -> Any:
    """libvirt of a host, as the control plane reaches it."""
    pki = certificates.control_directory(onebox.instance) / "libvirt"
    return libvirt.open(f"qemu+tls://{host.management_ip}/system?pkipath={pki}")


def test_a_guest_moves_over_tls_and_never_without(onebox: Onebox, guest: Guest) -> None:
    source, target = (connected(onebox, host) for host in onebox.hosts)
    where = {libvirt.VIR_MIGRATE_PARAM_URI: f"tcp://{onebox.hosts[1].management_ip}"}
    guest.shell("echo here >/tmp/note")
    domain = source.lookupByName(guest.name)

    with pytest.raises(libvirt.libvirtError, match="only with VIR_MIGRATE_TLS"):
        domain.migrate3(target, where, MOVE)
    assert guest.shell("cat /tmp/note").strip() == "here"

    started = time.monotonic()
    domain.migrate3(target, where, MOVE | libvirt.VIR_MIGRATE_TLS)
    took = time.monotonic() - started
    guest.host = onebox.hosts[1]
    assert guest.shell("cat /tmp/note").strip() == "here", "it went on, and did not start anew"
    assert took < patience(AIM_SECONDS), f"{took:.1f} s"


def test_a_host_cannot_be_made_to_send_a_guest_by_another_host(onebox: Onebox, guest: Guest) -> None:
    target = next(host for host in onebox.hosts if host.name != guest.host.name)
    domain = connected(onebox, guest.host).lookupByName(guest.name)
    flags = MOVE | libvirt.VIR_MIGRATE_TLS | libvirt.VIR_MIGRATE_PEER2PEER
    with gives_up_soon(guest.host), pytest.raises(libvirt.libvirtError, match="unable to connect to server"):
        domain.migrateToURI3(f"qemu+tls://{target.name}/system", {}, flags)
    guest.agent("guest-ping")


@contextmanager
def gives_up_soon(host: Host) -> Iterator[None]:
    """Have the host ask twice for a connection that nobody answers, not seven times in two minutes."""
    name = "net.ipv4.tcp_syn_retries"
    before = host.exec("sysctl", "-n", name).strip()
    host.exec("sysctl", "-qw", f"{name}=1")
    try:
        yield
    finally:
        host.exec("sysctl", "-qw", f"{name}={before}")
