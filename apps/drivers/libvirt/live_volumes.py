"""Snapshots of volumes that running VMs have open: QEMU alone may change such a file, so it is asked to."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import libvirt
import libvirt_qemu

from apps.drivers.deadline import Deadline
from apps.drivers.errors import DriverError
from apps.drivers.errors import mark as _
from apps.drivers.hypervisor_errors import slow_hypervisor
from apps.drivers.libvirt import disk_xml
from apps.drivers.libvirt.connection import Connection
from apps.drivers.volume_errors import volume_open_elsewhere

SECONDS = 20.0
"""QEMU writes a snapshot's tables at once, and the guest waits meanwhile: seconds for the largest disks."""
_deadline = Deadline()


@dataclass(frozen=True, slots=True)
class Node:
    """A volume as QEMU has it open: the name of its block node, and the snapshots in it."""

    domain: Any
    name: str
    snapshots: frozenset[str]

    def order(self, command: str, snapshot: str) -> None:
        """Give QEMU an order about a snapshot."""
        _ask(self.domain, command, device=self.name, name=snapshot)


class LibvirtLiveVolumes:
    """`LiveVolumes` of the VMs on this host."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def ensure_snapshot(self, path: Path, id: str) -> None:
        with self._node(path) as node:
            if id not in node.snapshots:
                node.order("blockdev-snapshot-internal-sync", id)

    def ensure_snapshot_absent(self, path: Path, id: str) -> None:
        with self._node(path) as node:
            if id in node.snapshots:
                node.order("blockdev-snapshot-delete-internal-sync", id)

    @contextmanager
    def _node(self, path: Path) -> Iterator[Node]:
        with self._connection.use() as connection:
            for domain in connection.listAllDomains(libvirt.VIR_CONNECT_LIST_DOMAINS_ACTIVE):
                name = _name(domain, path)
                if name:
                    yield _node(domain, name, path)
                    return
        raise volume_open_elsewhere(path.stem)


def _name(domain: Any, path: Path) -> str:
    """Return the name of the block node of a file in a VM that runs, "" when it has it not."""
    try:
        xml = domain.XMLDesc(0)
    except libvirt.libvirtError:
        return ""  # it has just ended
    disk = disk_xml.volumes_in(xml).get(path.stem) if str(path) in xml else None
    source = disk.find("source") if disk is not None else None
    if source is None or source.get("file") != str(path):
        return ""
    return f"libvirt-{source.get('index')}-format"


def _node(domain: Any, name: str, path: Path) -> Node:
    for node in _ask(domain, "query-named-block-nodes", flat=True):
        if node.get("node-name") == name and node.get("drv") == "qcow2":
            found = node.get("image", {}).get("snapshots", ())
            return Node(domain, name, frozenset(snapshot.get("name", "") for snapshot in found))
    raise volume_open_elsewhere(path.stem)


def _ask(domain: Any, command: str, **arguments: Any) -> Any:
    request = json.dumps({"execute": command, "arguments": arguments})
    vm_id, late = domain.UUIDString(), slow_hypervisor(domain.UUIDString(), SECONDS)
    reply = _deadline.run(
        vm_id, lambda: libvirt_qemu.qemuMonitorCommand(domain, request, 0), SECONDS, lambda: late
    )
    answer = json.loads(reply)
    if "error" in answer:
        raise _refused(str(answer["error"].get("desc", "")))
    return answer["return"]


def _refused(words: str) -> DriverError:
    full = "No space left" in words
    return DriverError(
        _("QEMU: %(words)s"),
        values={"words": words},
        code="volumes.no_space" if full else "hypervisor.failed",
        hint=_("Add capacity to the storage cluster.") if full else _("See the host’s libvirt log."),
    )
