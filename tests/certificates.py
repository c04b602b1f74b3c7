"""Certificates of the test instance's authorities, and what a listener answers to those who show one."""

from __future__ import annotations

import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "docker"))

from onebox import certificates, instance
from onebox.hosts import Host, compute
from onebox.instance import Instance
from pki import files, plan


def files_of_host(root: Path, name: str = "host-1") -> Path:
    """Write a host's files below `root` as they are on the host; return the directory that its agent reads."""
    files.place(root, plan.host_files(certificates.authorities(instance.find("test")), name))
    return root / plan.DIRECTORY


@dataclass(frozen=True)
class Listener:
    """A TLS listener of the platform, and the authorities whose certificates it admits ("authority/name")."""

    kind: str
    address: str
    port: int
    admitted: frozenset[str]


def holders(found: Instance) -> dict[str, tuple[str, str]]:
    """Return every certificate of the instance with its key, as "authority/name"."""
    return {
        f"{authority.name}/{name}": (
            str(authority.directory / f"{name}.pem"),
            str(authority.directory / f"{name}.key"),
        )
        for authority in certificates.authorities(found).authorities()
        for name in authority.names()
    }


def listeners(found: Instance, vnc: dict[str, int]) -> dict[str, Listener]:
    """Return all TLS listeners; `vnc` has the port of a screen of each host."""
    central, hosts = found.management_ip(10), {host.name: host.management_ip for host in compute(found)}
    control = "control/control"
    every_host = frozenset(f"hosts/{name}" for name in hosts)
    made = {
        "northbound": Listener("ovsdb", central, 6641, frozenset({control})),
        "southbound": Listener("ovsdb", central, 6642, every_host),
        "redis": Listener("redis", found.control_ip, found.redis_port, every_host | {control}),
        "postgresql": Listener("postgresql", "127.0.0.1", found.postgres_port, frozenset({control})),
    }
    for name, address in hosts.items():
        made[f"libvirtd of {name}"] = Listener("libvirt", address, 16514, frozenset({control}))
        own = frozenset({"console/console", f"vnc-{name}/{name}"})
        made[f"screen on {name}"] = Listener("vnc", address, vnc[name], own)
    return made


@contextmanager
def screens(hosts: list[Host]) -> Iterator[dict[str, int]]:
    """Run a VM without a disk on each host; give the ports of their VNC servers."""
    name = f"screen-{uuid.uuid4().hex[:8]}"
    xml = f"""<domain type="qemu"><name>{name}</name><memory unit="MiB">32</memory>
      <os><type arch="x86_64" machine="pc">hvm</type></os>
      <devices><graphics type="vnc" autoport="yes" passwd="sesame"/></devices></domain>"""
    try:
        for host in hosts:
            host.exec("virsh", "create", "/dev/stdin", stdin=xml)
        yield {
            host.name: 5900 + int(host.exec("virsh", "vncdisplay", name).strip().rpartition(":")[2])
            for host in hosts
        }
    finally:
        for host in hosts:
            host.exec("virsh", "destroy", name, check=False)
