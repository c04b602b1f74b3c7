"""Comparing disks and images with what a storage cluster holds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any
from uuid import UUID

from django.db import connection

from apps.drivers.specs import PoolInventory, PoolKind
from apps.infrastructure import backends
from apps.infrastructure.models import StorageCluster
from apps.reconciliation.models import Finding, Rule
from apps.reconciliation.noting import Difference, Place, note
from apps.reconciliation.rules import ABANDONED, AT_REST, GRACE, PARTIAL, SIZE, is_id

GIB = 1 << 30
KINDS = {PoolKind.VOLUME: "disk", PoolKind.IMAGE: "image"}

# A disk is changed by its VM's operations: both must be at rest. Actions act on the VM, but for a data disk that is
# lost: its VM is none the worse for it.
_DISKS = f"""
    SELECT d.id, d.name, d.tenant_id, r.id AS resource, k.size_gib,
           CASE k.role WHEN 'system' THEN r.id ELSE d.id END AS lost
      FROM storage_disk k JOIN lifecycle_resource d ON d.id = k.resource_id
      JOIN lifecycle_resource r ON r.id = COALESCE(k.vm_id, k.resource_id)
     WHERE k.cluster_id = %(cluster)s AND d.state = 'ready'
       AND d.updated_at < now() - %(grace)s::interval AND {AT_REST}
"""  # noqa: S608 -- constants of this app only
_IMAGES = f"""
    SELECT r.id, r.name, r.tenant_id, r.id AS resource, 0 AS size_gib, r.id AS lost
      FROM compute_image k JOIN lifecycle_resource r ON r.id = k.resource_id
     WHERE k.cluster_id = %(cluster)s AND {AT_REST}
"""  # noqa: S608 -- constants of this app only
_COMPARE = """
WITH seen AS MATERIALIZED (SELECT * FROM unnest(%(ids)s::uuid[], %(sizes)s::bigint[]) AS s(id, size)),
wanted AS MATERIALIZED ({rows})
SELECT 'stale', '', w.id, w.name, w.tenant_id, w.lost, w.size_gib, 0::bigint
  FROM wanted w LEFT JOIN seen s ON s.id = w.id WHERE s.id IS NULL
UNION ALL SELECT 'unsynced', '{size}', w.id, w.name, w.tenant_id, w.resource, w.size_gib, s.size
  FROM wanted w JOIN seen s ON s.id = w.id WHERE s.size < w.size_gib * 1073741824::bigint
UNION ALL SELECT 'orphan', '', s.id, '', NULL, NULL, 0, s.size
  FROM seen s WHERE NOT EXISTS (SELECT FROM {table} k WHERE k.resource_id = s.id) AND NOT EXISTS (
       SELECT FROM lifecycle_operation o WHERE o.target_id = s.id
          AND (o.status IN ('queued', 'running') OR o.finished_at > now() - %(grace)s::interval))
"""


def look(cluster: StorageCluster) -> None:
    """Compare the rows of a storage cluster with its contents. Raises DriverError."""
    seen = backends.volumes(cluster, None).inventory(cluster.spec())
    place = Place(str(cluster), storage_cluster=cluster.pk)
    differences = [
        *_differences("disk", _DISKS, "storage_disk", seen.of(PoolKind.VOLUME), place),
        *_differences("image", _IMAGES, "compute_image", seen.of(PoolKind.IMAGE), place),
        *_unfinished(seen, place),
    ]
    known = Finding.objects.live().filter(storage_cluster=cluster).exclude(rule=Rule.MISCOUNTED)
    note(known, differences)


def _differences(
    kind: str, rows: str, table: str, seen: Mapping[str, int], place: Place
) -> Iterator[Difference]:
    ours = {id: size for id, size in seen.items() if is_id(id)}
    values: dict[str, Any] = {
        "ids": list(ours),
        "sizes": list(ours.values()),
        "cluster": place.storage_cluster,
        "grace": GRACE,
    }
    with connection.cursor() as cursor:
        cursor.execute(_COMPARE.format(rows=rows, table=table, size=SIZE), values)
        for rule, aspect, id, name, tenant, resource, wanted, found in cursor.fetchall():
            yield Difference(
                Rule(rule),
                kind,
                id,
                place,
                aspect=aspect,
                name=name or f"{id}.qcow2",
                resource=resource,
                tenant=tenant,
                values=_values(rule, wanted, found),
            )


def _values(rule: str, wanted: int, found: int) -> dict[str, Any]:
    if rule == Rule.STALE:
        return {"gib": wanted} if wanted else {}
    # Full GiB, as disks are sold; a damaged file has none.
    return {"found": found // GIB} | ({"wanted": wanted} if wanted else {})


def _unfinished(seen: PoolInventory, place: Place) -> Iterator[Difference]:
    for left in seen.unfinished:
        if is_id(left.id) and left.idle_seconds >= ABANDONED.total_seconds():
            name = f"{left.id}.qcow2.*.partial"
            yield Difference(Rule.ORPHAN, KINDS[left.kind], UUID(left.id), place, aspect=PARTIAL, name=name)
