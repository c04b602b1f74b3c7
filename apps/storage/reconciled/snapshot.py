"""What is reconciled of snapshots: what storage clusters hold of them."""

from __future__ import annotations

from uuid import UUID

from django.db.models import QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, gettext_noop

from apps.drivers.protocols import Volumes
from apps.drivers.specs import PoolKind, PoolSpec, SnapshotSpec, VolumeSpec
from apps.lifecycle.models import Resource
from apps.reconciliation.declared import Clean, Fact, Preview, Reconciled, declare
from apps.reconciliation.models import Finding
from apps.reconciliation.places import InPool
from apps.reconciliation.rules import AT_REST
from apps.storage.models import Snapshot
from apps.storage.verbs import SNAPSHOT_FORCE_CLEAN

# Their size is that of their volume at some time: it is not compared.
_ROWS = f"""
    SELECT r.id, r.name, r.tenant_id, r.id AS resource, 0 AS size_gib, r.id AS lost
      FROM storage_snapshot k JOIN lifecycle_resource r ON r.id = k.resource_id
      JOIN storage_disk v ON v.resource_id = k.disk_id
     WHERE v.cluster_id = %(cluster)s AND {AT_REST}
"""  # noqa: S608 -- constants
# Made only to copy from, to a disk or an image, and removed with the copying: no row of a snapshot knows them.
_COPY_POINTS = """
    SELECT copy_point FROM storage_disk WHERE copy_point IS NOT NULL
    UNION ALL SELECT copy_point FROM compute_image WHERE copy_point IS NOT NULL
"""


def _remove(volumes: Volumes, id: str, pool: PoolSpec) -> None:
    volume = volumes.inventory(pool).snapshot_of.get(id)
    if volume is not None:
        volumes.ensure_snapshot_absent(SnapshotSpec(id, VolumeSpec(volume, pool, size_gib=1)))


def _removed(finding: Finding) -> Preview:
    names = {"name": finding.name, "place": finding.place}
    return Preview([_("Snapshot %(name)s is deleted in %(place)s.") % names], [_("What it holds.")])


def _users(key: UUID) -> QuerySet[Resource]:
    return Resource.objects.filter(as_disk__from_snapshot=key, as_disk__independent_at=None)


def _cleaned(resource: Resource) -> Clean:
    return Clean([], [_("What the snapshot holds.")], {"snapshot": 1})


def _facts(resource: Resource) -> list[Fact]:
    disk = resource.as_snapshot.disk
    return [Fact(gettext_lazy("Disk"), disk.name, "disk", disk.pk)]


declare(
    Reconciled(
        "snapshot",
        Snapshot,
        InPool(PoolKind.SNAPSHOT, _ROWS, _remove, known=_COPY_POINTS),
        stale=gettext_noop("The snapshot is missing in %(place)s."),
        orphan=gettext_noop("%(place)s contains this snapshot, but it is not in the database."),
        removed=_removed,
        no_remake=gettext_lazy("What it held is lost."),
        force_clean=SNAPSHOT_FORCE_CLEAN,
        users=_users,
        cleaned=_cleaned,
        fetch=("as_snapshot__disk",),
        facts=_facts,
    )
)
