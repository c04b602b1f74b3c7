"""What real hosts go through: daemons gone for a while, guests that must not notice, power cuts."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from onebox.hosts import Host

from tests.onebox_fixtures import Onebox

LIBVIRTD = ("libvirtd.service", "libvirtd.socket", "libvirtd-ro.socket", "libvirtd-admin.socket")
AGENT = ("scloud-agent.service",)
NORTHBOUND = ("ovn-ovsdb-server-nb.service",)


def kill(host: Host, unit: str) -> None:
    """kill -9; systemd starts it again."""
    host.exec("systemctl", "kill", "--signal=KILL", unit)


@contextmanager
def away(host: Host, units: Sequence[str]) -> Iterator[None]:
    """Kill a unit and keep it stopped for the length of the block, with the sockets that would start it again."""
    host.exec("systemctl", "kill", "--signal=KILL", units[0])
    host.exec("systemctl", "stop", *units)
    try:
        yield
    finally:
        host.exec("systemctl", "reset-failed", *units, check=False)
        host.exec("systemctl", "start", *reversed(units))


def last(seconds: float, since: float) -> None:
    """Let an outage last so long: not a wait for anything, its length is what is tried."""
    time.sleep(max(0.0, since + seconds - time.monotonic()))


def guests(box: Onebox) -> set[str]:
    """Return "host PID" of every QEMU there is."""
    return {
        f"{host.name} {pid}"
        for host in box.hosts
        for pid in host.exec("pgrep", "qemu-system", check=False).split()
    }
