"""Comparing networks with a region's fabric: one look at its inventory, one statement for each kind."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass
from typing import Any

from django.db import connection

from apps.drivers.specs import FabricKind
from apps.infrastructure import backends
from apps.infrastructure.models import Region
from apps.network.platform_settings import NIC_CONNECTIONS
from apps.reconciliation.models import Finding, Rule
from apps.reconciliation.noting import Difference, Place, note
from apps.reconciliation.rules import AHEAD, AT_REST, GENERATION, GRACE, PROTECTION, is_id


@dataclass(frozen=True)
class _Kind:
    """`rows` are id, row's resource, name, generation, address; only rows that may be judged, of the region."""

    name: str
    rows: str
    #: All ids of the kind, at rest or not: what is among them is no orphan.
    all_ids: str
    #: A further condition under which a lower generation is a difference.
    lags: str = "true"


def _plain(kind: str, table: str) -> _Kind:
    rows = f"""
        SELECT r.id, r.id AS resource, r.name, r.tenant_id, r.generation, '' AS ip, true AS lags
          FROM {table} k JOIN lifecycle_resource r ON r.id = k.resource_id
         WHERE r.region_id = %(region)s AND {AT_REST}
    """  # noqa: S608 -- constants of this app only
    return _Kind(kind, rows, f"SELECT resource_id AS id FROM {table}")  # noqa: S608 -- as above


# A port carries its VM's generation. One that is off may lag: its start brings the port up to date.
_PORTS = _Kind(
    "nic",
    f"""
        SELECT n.id, r.id AS resource, r.name, r.tenant_id, r.generation, host(n.ip) AS ip,
               COALESCE(vm.power_seen = 'on', true) AS lags
          FROM network_nic n JOIN lifecycle_resource r ON r.id = n.owner_id
          LEFT JOIN compute_vm vm ON vm.resource_id = r.id
         WHERE r.region_id = %(region)s AND {AT_REST}
    """,  # noqa: S608 -- constants of this app only
    "SELECT id FROM network_nic",
)
_KINDS = {
    FabricKind.VPC: _plain("vpc", "network_vpc"),
    FabricKind.SUBNET: _plain("subnet", "network_subnet"),
    FabricKind.SECURITY_GROUP: _plain("security_group", "network_securitygroup"),
    FabricKind.PORT: _PORTS,
}

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
  FROM seen s WHERE NOT EXISTS (SELECT FROM ({all_ids}) k WHERE k.id = s.id) AND NOT EXISTS (
       SELECT FROM lifecycle_operation o WHERE o.target_id = s.id
          AND (o.status IN ('queued', 'running') OR o.finished_at > now() - %(grace)s::interval))
"""


def look(region: Region) -> None:
    """Compare a region's networks with its fabric. Raises DriverError."""
    seen = backends.fabric(region).inventory()
    limit = NIC_CONNECTIONS.value()
    bare = seen.unprotected | {id for id, found in seen.connection_limits.items() if found != limit}
    place = Place(region.label or region.name, region=region.pk)
    differences = [
        difference
        for kind, judged in _KINDS.items()
        for difference in _differences(judged, seen.of(kind), place, bare)
    ]
    note(Finding.objects.live().filter(region=region).exclude(rule=Rule.MISCOUNTED), differences)


def _differences(kind: _Kind, seen: Mapping[str, int], place: Place, bare: Set[str]) -> Iterator[Difference]:
    """Compare one kind; `bare`: identifiers of what lacks a limit or an always-on rule."""
    statement = _COMPARE.format(
        rows=kind.rows, all_ids=kind.all_ids, behind=GENERATION, ahead=AHEAD, protection=PROTECTION
    )
    ours = {id: generation for id, generation in seen.items() if is_id(id)}
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
                kind.name,
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
