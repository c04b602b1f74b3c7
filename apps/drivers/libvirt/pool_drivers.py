"""What a host has to know of a pool's driver: where a volume is, for QEMU, and whether it may be used now.

A further driver is one more entry of `DRIVERS`.
"""

import xml.etree.ElementTree as ET
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from apps.drivers.errors import DriverError
from apps.drivers.errors import mark as _
from apps.drivers.files.layout import base_path, folder, keep_base, keep_private, volume_path
from apps.drivers.libvirt import rbd_disks
from apps.drivers.rbd.client import RbdClient
from apps.drivers.specs import PoolSpec, VolumeSpec

Describe = Callable[[ET.Element], None]
"""Writes into a <disk> what says where its data is: its type, the driver's format, <source> and what follows."""
CACHING = {"cache": "none", "error_policy": "enospace", "discard": "unmap"}


@dataclass(frozen=True, slots=True)
class DiskFiles:
    """The file of a volume, and that of the image it is thin over."""

    volume: Path
    base: Path | None = None


@dataclass(frozen=True, slots=True)
class PoolDriver:
    """`describe` returns how a volume stands in a definition, `read` asks the pool for something small, which hangs
    where the pool does, `prepare` makes a volume ready to be opened and returns False when there is none."""

    describe: Callable[[VolumeSpec], Describe]
    read: Callable[[PoolSpec], None]
    prepare: Callable[[VolumeSpec], bool]


def driver_of(pool: PoolSpec) -> PoolDriver:
    """Return what is to be known of a pool's driver."""
    try:
        return DRIVERS[pool.driver]
    except KeyError:
        raise DriverError(
            _("The host does not support pools of the type %(driver)s."),
            values={"driver": pool.driver},
            code="volumes.unknown_driver",
            permanent=True,
            hint=_("Update the host’s agent."),
        ) from None


def describe(volume: VolumeSpec) -> Describe:
    """Return how a volume stands in a definition."""
    return driver_of(volume.pool).describe(volume)


def in_files(files: DiskFiles) -> Describe:
    """Return how a volume of a pool of files stands in a definition."""

    def write(disk: ET.Element) -> None:
        disk.set("type", "file")
        ET.SubElement(disk, "driver", {"name": "qemu", "type": "qcow2", **CACHING})
        ET.SubElement(disk, "source", file=str(files.volume))
        _chain(disk, files.base)

    return write


def _chain(disk: ET.Element, base: Path | None) -> None:
    """Write the chain out to its end: libvirt then believes no header, and leaves the image to its owner."""
    backing = ET.SubElement(disk, "backingStore")
    if base is None:
        return
    backing.set("type", "file")
    ET.SubElement(backing, "format", type="qcow2")
    source = ET.SubElement(backing, "source", file=str(base))
    ET.SubElement(source, "seclabel", model="dac", relabel="no")
    ET.SubElement(backing, "backingStore")


def _read_files(pool: PoolSpec) -> None:
    folder(pool, "volumes")


def _prepare_file(volume: VolumeSpec) -> bool:
    try:
        keep_private(volume_path(volume))
        base = base_path(volume)
        if base is not None:
            keep_base(base)
    except FileNotFoundError:
        return False
    return True


DRIVERS = {
    "file": PoolDriver(
        describe=lambda volume: in_files(DiskFiles(volume_path(volume), base_path(volume))),
        read=_read_files,
        prepare=_prepare_file,
    )
}


def add_ceph(client: RbdClient) -> None:
    """Let this host use Ceph pools, with the keys that `client` keeps."""
    DRIVERS["rbd"] = PoolDriver(rbd_disks.describe, client.need_answer, lambda volume: True)
