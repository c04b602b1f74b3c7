"""Comparing files, as those of disks and images, with what a storage cluster holds."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import UUID

from django.db import connection

from apps.drivers.specs import PoolInventory, PoolKind
from apps.infrastructure import backends
from apps.infrastructure.models import StorageCluster
from apps.reconciliation.declared import Reconciled, kinds
from apps.reconciliation.difference import Difference, Place
from apps.reconciliation.finding_writer import note
from apps.reconciliation.models import Finding, Rule
from apps.reconciliation.places import InPool
from apps.reconciliation.rules import ABANDONED, GRACE, PARTIAL, SIZE, is_id

GIB = 1 << 30

_COMPARE = """
WITH seen AS MATERIALIZED (SELECT * FROM unnest(%(ids)s::uuid[], %(sizes)s::bigint[]) AS s(id, size)),
wanted AS MATERIALIZED ({rows})
SELECT 'stale', '', w.id, w.name, w.tenant_id, w.lost, w.size_gib, 0::bigint
  FROM wanted w LEFT JOIN seen s ON s.id = w.id WHERE s.id IS NULL
UNION ALL SELECT 'unsynced', '{size}', w.id, w.name, w.tenant_id, w.resource, w.size_gib, s.size
  FROM wanted w JOIN seen s ON s.id = w.id WHERE s.size < w.size_gib * 1073741824::bigint
UNION ALL SELECT 'orphan', '', s.id, '', NULL, NULL, 0, s.size
  FROM seen s WHERE NOT EXISTS (SELECT FROM {table} k WHERE k.{key} = s.id) AND s.id NOT IN ({known}) AND NOT EXISTS (
       SELECT FROM lifecycle_operation o WHERE o.target_id = s.id
          AND (o.status IN ('queued', 'running') OR o.finished_at > now() - %(grace)s::interval))
"""


def scan(cluster: StorageCluster) -> None:
    """Compare the rows of a storage cluster with its contents. Raises DriverError."""
    seen = backends.volumes(cluster, None).inventory(cluster.spec())
    place = Place(str(cluster), storage_cluster=cluster.pk)
    looks = [(kind, kind.place) for kind in kinds().values() if isinstance(kind.place, InPool)]
    differences = [found for kind, scan in looks for found in _differences(kind, scan, seen, place)]
    names = {scan.kind: kind.kind for kind, scan in looks}
    known = Finding.objects.live().filter(storage_cluster=cluster).exclude(rule=Rule.MISCOUNTED)
    note(known, [*differences, *_unfinished(seen, place, names)])


def _differences(
    kind: Reconciled, scan: InPool, inventory: PoolInventory, place: Place
) -> Iterator[Difference]:
    meta = kind.model._meta
    statement = _COMPARE.format(
        rows=scan.rows, table=meta.db_table, key=meta.pk.column, size=SIZE, known=scan.known
    )
    ours = {id: size for id, size in inventory.of(scan.kind).items() if is_id(id)}
    values: dict[str, Any] = {
        "ids": list(ours),
        "sizes": list(ours.values()),
        "cluster": place.storage_cluster,
        "grace": GRACE,
    }
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        for rule, aspect, id, name, tenant, resource, wanted, found in cursor.fetchall():
            yield Difference(
                Rule(rule),
                kind.kind,
                id,
                place,
                aspect=aspect,
                name=name or (str(id) if scan.kind is PoolKind.SNAPSHOT else f"{id}.qcow2"),
                resource=resource,
                tenant=tenant,
                values=_values(rule, wanted, found),
            )


def _values(rule: str, wanted: int, found: int) -> dict[str, Any]:
    if rule == Rule.STALE:
        return {"gib": wanted} if wanted else {}
    # Full GiB, as disks are sold; a damaged file has none.
    return {"found": found // GIB} | ({"wanted": wanted} if wanted else {})


def _unfinished(seen: PoolInventory, place: Place, names: dict[PoolKind, str]) -> Iterator[Difference]:
    for left in seen.unfinished:
        if is_id(left.id) and left.idle_seconds >= ABANDONED.total_seconds():
            name = f"{left.id}.qcow2.*.partial"
            yield Difference(Rule.ORPHAN, names[left.kind], UUID(left.id), place, aspect=PARTIAL, name=name)
