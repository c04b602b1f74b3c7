"""The DHCP hook of the tiny guest, in a network namespace of its own: leases of several NICs, in any order."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

pytestmark = [pytest.mark.requirement("EI-4"), pytest.mark.timeout(60)]

HOOK = Path(__file__).parents[2] / "docker/onebox/guest/etc/dhcp-lease"
PREPARE = """
mount -t sysfs none /sys && mount -t tmpfs none /run && mount -t tmpfs none /dev
touch /dev/null /dev/ttyS0 /dev/tty1 /run/resolv.conf
mount --bind /run/resolv.conf /etc/resolv.conf
for nic in eth0 eth1; do
    ip link add $nic type veth peer name $nic-peer
    ip link set $nic-peer up
    ip link set $nic up
done
echo ready
exec sleep 60
"""
INTERNAL = {"interface": "eth0", "ip": "10.0.1.11", "mask": "24", "router": "10.0.1.1", "dns": "9.9.9.9"}
EXTERNAL = {
    "interface": "eth1",
    "ip": "203.0.113.9",
    "mask": "32",
    "router": "203.0.113.1",
    "dns": "8.8.8.8",
    "staticroutes": "169.254.77.1/32 0.0.0.0 172.21.0.0/16 169.254.77.1 0.0.0.0/0 169.254.77.1",
}
Run = Sequence[str]


@contextmanager
def namespaces() -> Iterator[Run]:
    """Two NICs in namespaces; give the start of a command line that runs the rest there."""
    started = subprocess.Popen(
        ["unshare", "--net", "--mount", "sh", "-c", PREPARE], stdout=subprocess.PIPE, text=True
    )
    assert started.stdout is not None
    try:
        assert started.stdout.readline() == "ready\n"
        yield ["nsenter", f"--target={started.pid}", "--net", "--mount", "--"]
    finally:
        started.kill()
        started.wait()
        started.stdout.close()


def call(inside: Run, event: str, lease: dict[str, str]) -> None:
    words = [f"{name}={value}" for name, value in lease.items()]
    done = subprocess.run(
        [*inside, "env", *words, "sh", HOOK, event], capture_output=True, text=True, check=True
    )
    assert done.stderr == ""


def output(inside: Run, *command: str) -> str:
    return subprocess.run([*inside, *command], capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize("last", [INTERNAL, EXTERNAL], ids=["internal last", "external last"])
def test_the_default_route_does_not_depend_on_which_lease_comes_last(last: dict[str, str]) -> None:
    with namespaces() as inside:
        for lease in (EXTERNAL if last is INTERNAL else INTERNAL, last):
            call(inside, "deconfig", lease)
            call(inside, "bound", lease)
        for event in ("renew", "bound"):
            call(inside, event, last)
        assert "dev eth0" in output(inside, "ip", "route", "get", "198.51.100.7")
        assert "via 169.254.77.1 dev eth1" in output(inside, "ip", "route", "get", "172.21.3.3")
        assert output(inside, "cat", "/etc/resolv.conf") == "nameserver 9.9.9.9\nnameserver 8.8.8.8\n"


def test_the_external_default_route_is_used_where_the_internal_lease_has_none() -> None:
    with namespaces() as inside:
        call(inside, "bound", EXTERNAL)
        call(inside, "bound", INTERNAL | {"router": ""})
        assert "dev eth1" in output(inside, "ip", "route", "get", "198.51.100.7")


@pytest.mark.requirement("EI-3")
def test_a_lease_that_ends_takes_its_own_address_only() -> None:
    with namespaces() as inside:
        call(inside, "bound", EXTERNAL)
        output(inside, "ip", "addr", "add", "203.0.113.50/32", "dev", "eth1")
        call(inside, "bound", EXTERNAL | {"ip": "203.0.113.10"})
        assert addresses(inside) == {"203.0.113.10/32", "203.0.113.50/32"}
        call(inside, "deconfig", EXTERNAL)
        assert addresses(inside) == {"203.0.113.50/32"}


def addresses(inside: Run) -> set[str]:
    lines = output(inside, "ip", "-oneline", "-4", "addr", "show", "dev", "eth1").splitlines()
    return {line.split()[3] for line in lines}
