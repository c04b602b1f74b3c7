"""What is reconciled of disks: their volumes in storage clusters. Actions act on the VM that a disk is attached to."""

from __future__ import annotations

from uuid import UUID

from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, gettext_noop

from apps.drivers.protocols import Volumes
from apps.drivers.specs import PoolKind, PoolSpec, VolumeSpec
from apps.lifecycle.models import Resource
from apps.reconciliation.declared import Clean, Fact, Preview, Reconciled, declare
from apps.reconciliation.models import Rule
from apps.reconciliation.places import InPool
from apps.reconciliation.previews import file_removed
from apps.reconciliation.rules import AT_REST, DETACHED, GUEST_SIZE, LIMITS, PARTIAL, SIZE
from apps.storage.models import Disk
from apps.storage.verbs import DISK_FORCE_CLEAN, DISK_RESYNC

# An attached disk is defined with its VM: both must be at rest. Actions act on the VM, but for a data disk that is
# lost: its VM is none the worse for it.
_ROWS = f"""
    SELECT d.id, d.name, d.tenant_id, r.id AS resource, COALESCE(k.size_before_gib, k.size_gib) AS size_gib,
           CASE k.role WHEN 'system' THEN r.id ELSE d.id END AS lost
      FROM storage_disk k JOIN lifecycle_resource d ON d.id = k.resource_id
      JOIN lifecycle_resource r ON r.id = COALESCE(k.vm_id, k.resource_id)
     WHERE k.cluster_id = %(cluster)s AND d.state = 'ready'
       AND d.updated_at < now() - %(grace)s::interval AND {AT_REST}
       AND NOT EXISTS (SELECT FROM lifecycle_operation w WHERE w.resource_id = d.id
                          AND w.status IN ('queued', 'running'))
"""  # noqa: S608 -- constants


def _remove(volumes: Volumes, id: str, pool: PoolSpec) -> None:
    volumes.ensure_volume_absent(VolumeSpec(id, pool, size_gib=1))


def _users(key: UUID) -> QuerySet[Resource]:
    """Copies that still read from it; of a system disk, its VM."""
    copying = Q(as_disk__copied_from=key, as_disk__independent_at=None)
    booted = Q(as_vm__disks=key, as_vm__disks__role=Disk.Role.SYSTEM)
    return Resource.objects.filter(copying | booted).distinct()


def _resync_says(resource: Resource, part: str) -> Preview:
    return Preview([_("The volume of %(name)s grows to its size.") % {"name": resource.name}])


def _cleaned(resource: Resource) -> Clean:
    disk = Disk.objects.select_related("vm").get(pk=resource.pk)
    count, done = disk.snapshots.count(), []
    if disk.vm is not None:
        done.append(_("The disk is removed from VM %(name)s.") % {"name": disk.vm.name})
    lost = [_("All data on the disk: %(size)s GiB.") % {"size": disk.size_gib}]
    if count:
        lost.append(_("Its snapshots: %(count)s.") % {"count": count})
    return Clean(done, lost, {"disk": 1, "disk_gib": disk.size_gib, "snapshot": count})


def _facts(resource: Resource) -> list[Fact]:
    disk = resource.as_disk
    return [
        Fact(gettext_lazy("Size"), f"{disk.size_gib} GiB"),
        Fact(gettext_lazy("Storage cluster"), disk.cluster),
    ]


declare(
    Reconciled(
        "disk",
        Disk,
        InPool(PoolKind.VOLUME, _ROWS, _remove),
        stale=gettext_noop("Its volume is missing in %(place)s."),
        orphan=gettext_noop("%(place)s contains this volume, but it is not in the database."),
        removed=file_removed,
        # What a VM has in addition (ATTACHED) is not detached: its guest may be using it.
        safe=frozenset(
            {(Rule.ORPHAN, PARTIAL), *((Rule.UNSYNCED, of) for of in (SIZE, DETACHED, LIMITS, GUEST_SIZE))}
        ),
        no_remake=gettext_lazy("The data is lost. An empty replacement disk would hide the loss."),
        resync=DISK_RESYNC,
        force_clean=DISK_FORCE_CLEAN,
        resync_says=_resync_says,
        users=_users,
        cleaned=_cleaned,
        fetch=("as_disk__cluster", "as_disk__vm"),
        facts=_facts,
    )
)
