"""What is reconciled of disks: their volumes in storage clusters. Actions act on the VM that a disk belongs to."""

from __future__ import annotations

from django.utils.translation import gettext_lazy, gettext_noop

from apps.drivers.protocols import Volumes
from apps.drivers.specs import PoolKind, PoolSpec, VolumeSpec
from apps.reconciliation.declared import Reconciled, declare
from apps.reconciliation.models import Rule
from apps.reconciliation.places import InPool
from apps.reconciliation.previews import file_removed
from apps.reconciliation.rules import AT_REST, PARTIAL, SIZE
from apps.storage.models import Disk

# A disk is changed by its VM's operations: both must be at rest. Actions act on the VM, but for a data disk that is
# lost: its VM is none the worse for it.
_ROWS = f"""
    SELECT d.id, d.name, d.tenant_id, r.id AS resource, k.size_gib,
           CASE k.role WHEN 'system' THEN r.id ELSE d.id END AS lost
      FROM storage_disk k JOIN lifecycle_resource d ON d.id = k.resource_id
      JOIN lifecycle_resource r ON r.id = COALESCE(k.vm_id, k.resource_id)
     WHERE k.cluster_id = %(cluster)s AND d.state = 'ready'
       AND d.updated_at < now() - %(grace)s::interval AND {AT_REST}
"""  # noqa: S608 -- constants


def _remove(volumes: Volumes, id: str, pool: PoolSpec) -> None:
    volumes.ensure_volume_absent(VolumeSpec(id, pool, size_gib=1))


declare(
    Reconciled(
        "disk",
        Disk,
        InPool(PoolKind.VOLUME, _ROWS, _remove),
        stale=gettext_noop("Its volume is missing in %(place)s."),
        orphan=gettext_noop("%(place)s contains this volume, but it is not in the database."),
        removed=file_removed,
        safe=frozenset({(Rule.UNSYNCED, SIZE), (Rule.ORPHAN, PARTIAL)}),
        no_remake=gettext_lazy("The data is lost. An empty replacement disk would hide the loss."),
    )
)
