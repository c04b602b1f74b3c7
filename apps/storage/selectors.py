"""Which disks and snapshots a user may see."""

from __future__ import annotations

from django.db.models import Count, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce

from apps.accounts.access import visible
from apps.lifecycle.actor import Actor
from apps.storage.models import Disk, Snapshot

SNAPSHOT_COUNT = Coalesce(
    Subquery(
        Snapshot.objects.filter(disk=OuterRef("pk"))
        .order_by()
        .values("disk")
        .annotate(n=Count("pk"))
        .values("n")
    ),
    0,
)


def visible_disks(actor: Actor, permission: str = "view") -> QuerySet[Disk]:
    """Return the disks the actor may see, with what a list shows of them; snapshots are counted as `snapshot_count`.

    `permission`: only those on which the actor has this one.
    """
    # All rows of this table are disks, but only with the kind named can PostgreSQL walk the index of lists.
    rows = Disk.objects.filter(kind="disk").annotate(snapshot_count=SNAPSHOT_COUNT)
    if not (actor.is_system or (actor.is_admin and actor.tenant is None)):
        rows = rows.filter(standby=False)
    return visible(actor, rows, permission).select_related(
        "cluster", "vm", "tenant", "project", "region", "copied_from", "from_snapshot"
    )


def visible_snapshots(actor: Actor, permission: str = "view") -> QuerySet[Snapshot]:
    """Return the snapshots the actor may see, or has the permission on, with what a list shows of them."""
    rows = visible(actor, Snapshot.objects.filter(kind="snapshot"), permission)
    return rows.select_related("disk__cluster", "disk__vm", "tenant", "project", "region")
