"""What an administrator does to disks and snapshots whose rows and volumes differ."""

from __future__ import annotations

from apps.lifecycle.models import Operation, Resource
from apps.lifecycle.requests import Change
from apps.reconciliation.acts import force_cleans
from apps.reconciliation.usage import ensure_not_needed
from apps.storage.models import Disk
from apps.storage.services.holding import beside, changes_disk, ensure_free
from apps.storage.verbs import DISK_FORCE_CLEAN, DISK_RESYNC, SNAPSHOT_FORCE_CLEAN

force_clean_snapshot = force_cleans(SNAPSHOT_FORCE_CLEAN)


@changes_disk(DISK_RESYNC)
def resync_disk(change: Change[Disk]) -> Operation:
    """Make volume and attachment match the row."""
    return change.request(also=beside(change, change.row))


@changes_disk(DISK_FORCE_CLEAN)
def force_clean_disk(change: Change[Disk]) -> Operation:
    """Remove a data disk with its snapshots, whatever state it is in. Raises InUse while something needs it."""
    disk = change.row
    ensure_not_needed(disk)
    if disk.vm is not None:
        ensure_free(disk.vm, but=disk)
    snapshots = Resource.objects.filter(as_snapshot__disk=disk.pk).order_by("pk")
    also = list(snapshots.select_for_update(of=("self",), no_key=True))
    return change.request(also=[*also, *([disk.vm] if disk.vm else [])])
