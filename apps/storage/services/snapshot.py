"""Taking, renaming and deleting snapshots, and rolling back to them."""

from __future__ import annotations

from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _

from apps.accounts.access import allow, begin, visible
from apps.accounts.acts import changes, renames
from apps.accounts.labels import MAX_NAME, clean_labels
from apps.lifecycle.actor import Actor
from apps.lifecycle.acts import serves
from apps.lifecycle.errors import Invalid, Refused
from apps.lifecycle.in_use import ensure_unused
from apps.lifecycle.models import Operation, Resource, State
from apps.lifecycle.requests import Change, lock
from apps.lifecycle.usable import ensure_usable, hold_for_use
from apps.quotas.services import reserve_quota
from apps.storage.models import Disk, Snapshot
from apps.storage.services.holding import beside, changes_disk, changes_snapshot, ensure_free, lock_vms
from apps.storage.verbs import (
    DISK_ROLL_BACK,
    DISK_SNAPSHOT,
    SNAPSHOT_CREATE,
    SNAPSHOT_DELETE,
    SNAPSHOT_RENAME,
    SNAPSHOT_RETRY,
)

#: Of one disk. Each costs its storage a chain of data to look through.
MOST_SNAPSHOTS = 100


@serves(SNAPSHOT_CREATE)
@transaction.atomic
def create_snapshot(actor: Actor, *, disk: UUID, name: str, description: str = "") -> Operation:
    """Take a snapshot of a disk, in use or not. Raises Invalid, Forbidden, NotNow, Busy, QuotaExceeded."""
    found = visible(actor, Disk.objects.all()).filter(pk=disk).first()
    if found is None:
        raise Invalid({"disk": [_("Disk not found.")]})
    lock_vms(actor, found.pk)
    change = begin(actor, DISK_SNAPSHOT, found)
    return _take(change, name, description)


@changes_disk(DISK_SNAPSHOT)
def snapshot_disk(change: Change[Disk], *, name: str, description: str = "") -> Operation:
    """Take a snapshot of the disk; return the operation of the snapshot."""
    return _take(change, name, description)


def _take(change: Change[Disk], name: str, description: str) -> Operation:
    """Insert and request a snapshot of a locked disk."""
    disk = change.row
    allowed = allow(change.actor, SNAPSHOT_CREATE, project=disk.project, tenant_id=disk.tenant_id)
    also = [disk, *beside(change, disk)]
    snapshot = new_snapshot(disk, name, description)
    return allowed.request(snapshot, args={"disk": disk.name}, also=also)


def new_snapshot(disk: Disk, name: str, description: str = "", *, group: UUID | None = None) -> Snapshot:
    """Insert the row of a snapshot of a locked disk, with its quota. Raises Invalid, Refused, QuotaExceeded."""
    name, description = clean_labels(name, description)
    if disk.snapshots.count() >= MOST_SNAPSHOTS:
        raise Refused(
            _("Disk %(name)s already has %(most)s snapshots.") % {"name": disk.name, "most": MOST_SNAPSHOTS},
            code="disk.too_many_snapshots",
            hint=_("Delete old snapshots of this disk first."),
        )
    if disk.tenant_id is not None:
        reserve_quota(disk.tenant_id, {"snapshot": 1})
    snapshot = Snapshot(
        kind="snapshot",
        name=name,
        description=description,
        tenant_id=disk.tenant_id,
        project_id=disk.project_id,
        region_id=disk.region_id,
        disk=disk,
        size_gib=disk.size_before_gib or disk.size_gib,
        group=group,
    )
    snapshot.save(force_insert=True)
    return snapshot


@changes_snapshot(SNAPSHOT_RETRY)
def retry_snapshot(change: Change[Snapshot]) -> Operation:
    """Take a snapshot that failed: of what the disk holds now, by itself."""
    disk = change.row.disk
    ensure_usable(disk)
    Snapshot.objects.filter(pk=change.row.pk).update(group=None, size_gib=disk.size_gib)
    return change.request(also=[disk, *beside(change, disk)])


rename_snapshot = renames(SNAPSHOT_RENAME)


@changes(SNAPSHOT_DELETE)
def delete_snapshot(change: Change[Snapshot]) -> Operation:
    """Delete a snapshot. Raises InUse naming the disks that still read from it, Busy while it is rolled back to."""
    snapshot = change.row
    ensure_free(snapshot, but=snapshot)
    copies = Resource.objects.filter(as_disk__from_snapshot=snapshot.pk, as_disk__independent_at=None)
    hint = _("Its data is still being copied to these disks. Wait until this has finished.")
    ensure_unused(snapshot, copies, hint=hint)
    change.bump()
    return change.request()


@changes_disk(DISK_ROLL_BACK)
def roll_back_disk(
    change: Change[Disk], *, snapshot: UUID, snapshot_first: bool = False, first: UUID | None = None
) -> Operation:
    """Put a disk back to a snapshot of it; what it holds now is lost, unless `snapshot_first`.

    `first`: the snapshot that a roll back which failed had created for that. Raises Invalid, NotNow, QuotaExceeded.
    """
    disk = change.row
    found = disk.snapshots.filter(pk=snapshot).first()
    if found is None:
        raise Invalid({"snapshot": [_("This disk has no such snapshot.")]})
    hold_for_use(found)
    also: list[Resource] = [found, *beside(change, disk)]
    kept = _kept_first(change, disk, found, first) if snapshot_first else None
    if kept is not None:
        also.append(kept)
    change.bump()
    args = {
        "snapshot": str(found.pk),
        "snapshot_first": snapshot_first,
        "first": str(kept.pk) if kept else None,
    }
    return change.request(args=args, also=also)


def _kept_first(change: Change[Disk], disk: Disk, found: Snapshot, first: UUID | None) -> Snapshot:
    """Return the snapshot for what the disk holds now: a new one, or that of a roll back that failed."""
    known = disk.snapshots.filter(pk=first).first() if first else None
    if known is None:
        allow(change.actor, SNAPSHOT_CREATE, project=disk.project, tenant_id=disk.tenant_id)
        name = _("Before roll back to %(name)s") % {"name": found.name}
        return new_snapshot(disk, name[:MAX_NAME])
    lock(known)
    Resource.objects.filter(pk=known.pk, state=State.ERROR).update(state=State.PENDING, error={})
    return known
