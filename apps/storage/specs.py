"""Disks as drivers see them. `disk.cluster` must have been fetched."""

from __future__ import annotations

from apps.drivers.specs import DiskAttachment, SnapshotSpec, VolumeSource, VolumeSpec
from apps.storage.models import Disk, Snapshot
from apps.storage.qos import burst_of


def volume_spec(disk: Disk) -> VolumeSpec:
    """Return the volume behind a disk."""
    return VolumeSpec(
        id=str(disk.pk),
        pool=disk.cluster.spec(),
        size_gib=disk.size_gib,
        image_id=_parent(disk),
        generation=disk.generation,
        source=_source(disk),
    )


def _parent(disk: Disk) -> str | None:
    """Return the image that the volume is thin over, by its id in the disk's storage cluster."""
    parent = disk.image_copy_id or disk.image_id
    return str(parent) if parent else None


def snapshot_spec(snapshot: Snapshot) -> SnapshotSpec:
    """Return a snapshot; its disk must have been fetched with the cluster."""
    return SnapshotSpec(id=str(snapshot.pk), volume=volume_spec(snapshot.disk))


def copy_point(disk: Disk) -> SnapshotSpec | None:
    """Return the snapshot of its source that exists only to copy this disk from; None when there is none."""
    if disk.copied_from is None or disk.copy_point is None:
        return None
    return SnapshotSpec(id=str(disk.copy_point), volume=volume_spec(disk.copied_from))


def disk_attachment(disk: Disk) -> DiskAttachment:
    """Return a disk as part of a VM, with its limits."""
    burst, seconds = burst_of(disk.cluster)
    return DiskAttachment(
        volume=volume_spec(disk),
        iops=disk.iops,
        bytes_per_second=disk.bytes_per_second,
        slot=disk.slot or 0,
        burst=burst,
        burst_seconds=seconds,
    )


def _source(disk: Disk) -> VolumeSource | None:
    """Return what the volume is created from. Once it needs no other any more, it has none."""
    if not disk.is_copying:
        return None
    return VolumeSource(str(disk.copied_from_id), str(disk.from_snapshot_id or disk.copy_point))
