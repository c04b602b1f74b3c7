"""Volumes in Ceph pools as disks of a VM. QEMU connects to the cluster itself; nothing of it is a file on the host."""

import xml.etree.ElementTree as ET
from collections.abc import Callable

from apps.drivers.rbd.client import secret_id
from apps.drivers.rbd.names import volume_name
from apps.drivers.specs import VolumeSpec

DRIVER = {"name": "qemu", "type": "raw", "cache": "none", "error_policy": "enospace", "discard": "unmap"}


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
