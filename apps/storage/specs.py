"""Disks as drivers see them. `disk.cluster` must have been fetched."""

from __future__ import annotations

from apps.drivers.specs import DiskAttachment, VolumeSpec
from apps.storage.models import Disk


def volume_spec(disk: Disk) -> VolumeSpec:
    """Return the volume behind a disk."""
    return VolumeSpec(
        id=str(disk.pk),
        pool=disk.cluster.spec(),
        size_gib=disk.size_gib,
        image_id=str(disk.image_id) if disk.image_id else None,
        generation=disk.generation,
    )


def disk_attachment(disk: Disk) -> DiskAttachment:
    """Return a disk as part of a VM, with its limits."""
    return DiskAttachment(volume=volume_spec(disk), iops=disk.iops, bytes_per_second=disk.bytes_per_second)
