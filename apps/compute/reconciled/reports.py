"""Comparing VMs with what their hosts report: one statement for all hosts whose turn it is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.db import connection

from apps.network.verbs import PORTS_ONLY
from apps.reconciliation.difference import Difference, Place
from apps.reconciliation.models import Rule
from apps.reconciliation.rules import AHEAD, AT_REST, DOUBLED, GENERATION, GRACE, MISPLACED, POWER, is_id

if TYPE_CHECKING:
    from apps.infrastructure.reports import Reading

#: What a host that lies can have listed at most; no host has so many.
MOST_VMS = 2000

# A running VM's definition may lag behind its row: what changes its ports alone counts a generation and changes
# nothing in the definition, and a VM that is off gets a new definition at its next start.
_LAGS = """
    s.power = 'on' AND s.generation < r.generation - (
        SELECT count(*) FROM lifecycle_operation o
         WHERE o.resource_id = r.id AND o.verb = ANY(%(ports_only)s) AND o.sequence > COALESCE((
            SELECT max(d.sequence) FROM lifecycle_operation d
             WHERE d.resource_id = r.id AND d.status = 'done'
               AND d.args ->> 'definition' IS DISTINCT FROM 'false'  -- a resync of ports alone
               AND d.verb IN ('vm.create', 'vm.retry', 'vm.start', 'vm.restart', 'vm.hot_add', 'vm.resync')), 0))
"""

_COMPARE = f"""
WITH host AS MATERIALIZED (
    SELECT id FROM unnest(%(hosts)s::uuid[]) AS h(id)
), seen AS MATERIALIZED (
    SELECT * FROM unnest(%(ids)s::uuid[], %(on)s::uuid[], %(powers)s::text[], %(generations)s::bigint[])
               AS s(id, host, power, generation)
), own AS MATERIALIZED (
    SELECT r.id, r.name, r.tenant_id, r.generation AS wanted, vm.power AS wanted_power, vm.power_seen_at, vm.host_id,
           s.id IS NOT NULL AS there, s.power, s.generation, {_LAGS} AS lags
      FROM host JOIN compute_vm vm ON vm.host_id = host.id JOIN lifecycle_resource r ON r.id = vm.resource_id
      LEFT JOIN seen s ON s.id = r.id AND s.host = host.id
     WHERE {AT_REST}
), elsewhere AS MATERIALIZED (
    SELECT r.id, r.name, r.tenant_id, s.host, s.power, home.name AS home, EXISTS (
               SELECT FROM reconciliation_finding f
                WHERE f.rule = 'stale' AND f.aspect = '' AND f.kind = 'vm' AND f.target_id = r.id
                  AND f.host_id = vm.host_id AND f.state IN ('suspected', 'open', 'repairing', 'dismissed')) AS missing
      FROM seen s JOIN compute_vm vm ON vm.resource_id = s.id AND vm.host_id <> s.host
      JOIN lifecycle_resource r ON r.id = s.id JOIN lifecycle_resource home ON home.id = vm.host_id
     WHERE {AT_REST}
)
SELECT 'stale', '', id, host_id, name, tenant_id, true, '', '' FROM own WHERE NOT there
UNION ALL SELECT 'unsynced', '{AHEAD}', id, host_id, name, tenant_id, true, wanted::text, generation::text
  FROM own WHERE generation > wanted
UNION ALL SELECT 'unsynced', '{GENERATION}', id, host_id, name, tenant_id, true, wanted::text, generation::text
  FROM own WHERE there AND lags
UNION ALL SELECT 'unsynced', '{POWER}', id, host_id, name, tenant_id, true, wanted_power, power
  FROM own WHERE power <> wanted_power AND power_seen_at < now() - %(grace)s::interval
UNION ALL SELECT 'unsynced', CASE WHEN missing THEN '{MISPLACED}' ELSE '{DOUBLED}' END,
       id, host, name, tenant_id, true, home, power FROM elsewhere
UNION ALL SELECT 'orphan', '', s.id, s.host, 'vm-' || s.id, NULL, false, '', s.power
  FROM seen s LEFT JOIN compute_vm vm ON vm.resource_id = s.id
 WHERE vm.resource_id IS NULL AND NOT EXISTS (
       SELECT FROM lifecycle_operation o WHERE o.target_id = s.id
          AND (o.status IN ('queued', 'running') OR o.finished_at > now() - %(grace)s::interval))
"""  # noqa: S608 -- constants of this app only


def differences(readings: Sequence[Reading], hosts: Mapping[UUID, Place]) -> Iterator[Difference]:
    """Return how the VMs of these reports differ from their rows; `hosts`: those that reported."""
    seen = [
        (vm.id, reading.host.pk, vm.power.value, vm.generation)
        for reading in readings
        for vm in reading.report.observation.vms[:MOST_VMS]
        if is_id(vm.id) and vm.generation < 1 << 31
    ]
    ids, on, powers, generations = ([list(c) for c in zip(*seen, strict=True)]) if seen else ([], [], [], [])
    values: dict[str, Any] = {
        "hosts": list(hosts),
        "ids": ids,
        "on": on,
        "powers": powers,
        "generations": generations,
        "grace": GRACE,
        "ports_only": list(PORTS_ONLY),
    }
    with connection.cursor() as cursor:
        cursor.execute(_COMPARE, values)
        for rule, aspect, id, host, name, tenant, has_row, wanted, found in cursor.fetchall():
            yield Difference(
                Rule(rule),
                "vm",
                id,
                hosts[host],
                aspect=aspect,
                name=name,
                resource=id if has_row else None,
                tenant=tenant,
                values={"wanted": wanted, "found": found} if wanted or found else {},
            )
