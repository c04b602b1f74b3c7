"""Volumes in Ceph pools as disks of a VM. QEMU connects to the cluster itself; nothing of it is a file on the host."""

import xml.etree.ElementTree as ET
from collections.abc import Callable
from functools import partial
from typing import Any

import libvirt

from apps.drivers.deadline import Deadline
from apps.drivers.pool_errors import ceph_unreachable
from apps.drivers.rbd.client import RbdClient, secret_id
from apps.drivers.rbd.names import volume_name
from apps.drivers.specs import PoolSpec, VolumeSpec

DRIVER = {"name": "qemu", "type": "raw", "cache": "none", "error_policy": "enospace", "discard": "unmap"}
START_SECONDS = 10.0
_deadline = Deadline()


def describe(volume: VolumeSpec) -> Callable[[ET.Element], None]:
    """Return what writes into a <disk> where the volume is."""

    def write(disk: ET.Element) -> None:
        pool = volume.pool
        disk.set("type", "network")
        ET.SubElement(disk, "driver", DRIVER)
        auth = ET.SubElement(disk, "auth", username=pool.user)
        ET.SubElement(auth, "secret", type="ceph", uuid=secret_id(pool.id))
        name = f"{pool.path}/{volume_name(volume.id)}"
        source = ET.SubElement(disk, "source", protocol="rbd", name=name)
        for monitor in pool.monitors:
            host, _, port = monitor.rpartition(":")
            ET.SubElement(source, "host", name=host.strip("[]"), port=port)

    return write


def need_answers(client: RbdClient, domain: Any) -> None:
    """Raise `DriverError` unless all pools answer that a VM is about to be started from: its start would hang."""
    for pool in _pools(domain.XMLDesc(libvirt.VIR_DOMAIN_XML_INACTIVE)):
        late = partial(ceph_unreachable, pool)
        _deadline.run(pool.id, partial(client.need_answer, pool), START_SECONDS, late)


def _pools(domain_xml: str) -> set[PoolSpec]:
    """Return the Ceph pools of a definition, with what it says of them."""
    found = set()
    for disk in ET.fromstring(domain_xml).iterfind("./devices/disk[@type='network']"):
        source, auth, secret = disk.find("source"), disk.find("auth"), disk.find("auth/secret")
        if source is None or auth is None or secret is None:
            continue
        monitors = (f"{host.get('name')}:{host.get('port')}" for host in source.iterfind("host"))
        path = source.get("name", "").rpartition("/")[0]
        user, id = auth.get("username", ""), secret.get("uuid", "")
        found.add(PoolSpec(id, "rbd", path, tuple(monitors), user))
    return found
