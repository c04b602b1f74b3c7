"""Comparing networks with a region's fabric: one look at its inventory, one statement for each kind."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.db import connection
from django.db.models import Model

from apps.drivers.specs import FabricInventory
from apps.infrastructure import backends
from apps.infrastructure.models import Region
from apps.reconciliation.declared import Reconciled, kinds
from apps.reconciliation.difference import Difference, Place
from apps.reconciliation.finding_writer import note
from apps.reconciliation.models import Finding, Rule
from apps.reconciliation.places import InFabric
from apps.reconciliation.rules import AHEAD, AT_REST, GENERATION, GRACE, PROTECTION, is_id

_COMPARE = """
WITH seen AS MATERIALIZED (
    SELECT * FROM unnest(%(ids)s::uuid[], %(generations)s::bigint[], %(bare)s::boolean[]) AS s(id, generation, bare)
),
wanted AS MATERIALIZED ({rows})
SELECT 'stale', '', w.id, w.resource, w.name, w.tenant_id, w.ip, 0, 0
  FROM wanted w LEFT JOIN seen s ON s.id = w.id WHERE s.id IS NULL
UNION ALL SELECT 'unsynced', CASE WHEN s.generation < w.generation THEN '{behind}' ELSE '{ahead}' END,
       w.id, w.resource, w.name, w.tenant_id, w.ip, w.generation, s.generation
  FROM wanted w JOIN seen s ON s.id = w.id
 WHERE s.generation > w.generation OR (s.generation < w.generation AND w.lags)
UNION ALL SELECT 'unsynced', '{protection}', w.id, w.resource, w.name, w.tenant_id, w.ip, 0, 0
  FROM wanted w JOIN seen s ON s.id = w.id WHERE s.bare AND s.generation <= w.generation AND w.lags
UNION ALL SELECT 'orphan', '', s.id, NULL, '', NULL, '', 0, s.generation
  FROM seen s WHERE NOT EXISTS (SELECT FROM {table} k WHERE k.{key} = s.id) AND NOT EXISTS (
       SELECT FROM lifecycle_operation o WHERE o.target_id = s.id
          AND (o.status IN ('queued', 'running') OR o.finished_at > now() - %(grace)s::interval))
"""


def plain_rows(model: type[Model]) -> str:
    """Return the SQL of a kind that is a resource: the rows of a region that may be judged.

    Columns: id, the resource that actions act on, its name, tenant_id and generation, an address to be named, and
    whether an older generation in the fabric is a difference.
    """
    return f"""
        SELECT r.id, r.id AS resource, r.name, r.tenant_id, r.generation, '' AS ip, true AS lags
          FROM {model._meta.db_table} k JOIN lifecycle_resource r ON r.id = k.{_key(model)}
         WHERE r.region_id = %(region)s AND {AT_REST}
    """  # noqa: S608 -- names of tables and columns


def scan(region: Region) -> None:
    """Compare a region's networks with its fabric. Raises DriverError."""
    seen = backends.fabric(region).inventory()
    place = Place(region.label or region.name, region=region.pk)
    differences = [
        difference
        for kind in kinds().values()
        if isinstance(kind.place, InFabric)
        for difference in _differences(kind, kind.place, seen, place)
    ]
    note(Finding.objects.live().filter(region=region).exclude(rule=Rule.MISCOUNTED), differences)


def _differences(
    kind: Reconciled, scan: InFabric, inventory: FabricInventory, place: Place
) -> Iterator[Difference]:
    statement = _COMPARE.format(
        rows=scan.rows or plain_rows(kind.model),
        table=kind.model._meta.db_table,
        key=_key(kind.model),
        behind=GENERATION,
        ahead=AHEAD,
        protection=PROTECTION,
    )
    ours = {id: generation for id, generation in inventory.of(scan.kind).items() if is_id(id)}
    bare = scan.lacking(inventory)
    values: dict[str, Any] = {
        "ids": list(ours),
        "generations": list(ours.values()),
        "bare": [id in bare for id in ours],
        "region": place.region,
        "grace": GRACE,
    }
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        for rule, aspect, id, resource, name, tenant, ip, wanted, found in cursor.fetchall():
            yield Difference(
                Rule(rule),
                kind.kind,
                id,
                place,
                aspect=aspect,
                name=name or str(id),
                resource=resource,
                tenant=tenant,
                values=_values(aspect, ip, wanted, found),
            )


def _values(aspect: str, ip: str, wanted: int, found: int) -> dict[str, object]:
    if aspect in (GENERATION, AHEAD):
        return {"wanted": wanted, "found": found}
    return {"ip": ip} if ip else {}


def _key(model: type[Model]) -> str:
    return str(model._meta.pk.column)
