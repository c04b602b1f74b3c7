"""Which sockets listen in a host, or in the control plane's processes of an instance."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from onebox import processes
from onebox.ceph_site import CephSite
from onebox.hosts import Host
from onebox.instance import Instance
from onebox.shell import run

LOOKS = 6
USERS = re.compile(r'\("([^"]+)",pid=(\d+)')


@dataclass(frozen=True)
class Socket:
    """A socket that takes what it did not ask for."""

    kind: str
    process: str
    address: str
    port: int


def listening(host: Host | CephSite) -> set[Socket]:
    """Return what listens inside a host: TCP, UDP, raw and packet sockets of every process and of the kernel."""
    return _lasting(lambda: _parse(host.exec("ss", "-Hnlp", "-t", "-u", "-w"), host.exec("ss", "-Hnp", "-0")))


def listening_for(instance: Instance) -> set[Socket]:
    """Return what listens on the machine for an instance: its PostgreSQL, its Redis, the product's processes."""

    def sample() -> set[Socket]:
        names = _pids(instance)
        found = _parse(run(["ss", "-Hnlp", "-t", "-u", "-w"]).stdout, run(["ss", "-Hnp", "-0"]).stdout, names)
        return {socket for socket in found if socket.process}

    return _lasting(sample)


def _lasting(sample: Callable[[], set[Socket]]) -> set[Socket]:
    """Leave out what is not there in each of several looks.

    A client's UDP socket looks like a listener (it has a port, and no peer until it is connected), but is gone in a
    moment; a listener stays.
    """
    found = sample()
    for _ in range(LOOKS - 1):
        found &= sample()
    return found


def _parse(inet: str, packet: str, names: dict[int, str] | None = None) -> set[Socket]:
    """Read the lines of ss; with ``names``, processes are called by these, and others' are left without a name."""
    found = set()
    for line in inet.splitlines():
        kind, _, _, _, local, *_ = line.split()
        address, _, port = local.rpartition(":")
        number = 0 if kind == "raw" or port == "*" else int(port)
        found.add(Socket(kind, _process(line, names), address.strip("[]").partition("%")[0], number))
    for line in packet.splitlines():
        device = line.split()[3].rpartition(":")[2]
        found.add(Socket("packet", _process(line, names), device, 0))
    return found


def _process(line: str, names: dict[int, str] | None) -> str:
    """Return who has the socket; systemd holds it too where it starts the process by it."""
    users = [(name, int(pid)) for name, pid in USERS.findall(line) if name != "systemd"] or [
        (name, int(pid)) for name, pid in USERS.findall(line)
    ]
    if names is None:
        return users[0][0] if users else "kernel"
    return next((names[pid] for _, pid in users if pid in names), "")


def _pids(instance: Instance) -> dict[int, str]:
    """Return the name of each process that belongs to the instance, children included."""
    found = {}
    for process in processes.all_of(instance):
        leader = processes.pid(instance, process.name)
        for entry in Path("/proc").glob("[0-9]*") if leader else ():
            if _session(entry) == leader:
                found[int(entry.name)] = process.name
    for pidfile, name in (("redis/redis.pid", "redis-server"), ("pg/data/postmaster.pid", "postgres")):
        found[int((instance.var / pidfile).read_text().split()[0])] = name
    return found


def _session(entry: Path) -> int | None:
    try:
        return int((entry / "stat").read_text().rpartition(")")[2].split()[3])
    except FileNotFoundError:
        return None
