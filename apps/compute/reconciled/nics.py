"""Comparing the NICs of VMs with what their hosts report: one statement for all hosts whose turn it is.

A VM's own NICs are there from its start on and never unplugged; compared are elastic NICs (UNPLUGGED, PLUGGED), and
what no row knows (ATTACHED), which is the administrator's: after a restore the guest may be using it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.db import connection

from apps.compute.reconciled.reports import MOST_VMS
from apps.reconciliation.difference import Difference, Place
from apps.reconciliation.models import Rule
from apps.reconciliation.rules import AT_REST, ATTACHED, GRACE, PLUGGED, UNPLUGGED, is_id

if TYPE_CHECKING:
    from apps.infrastructure.reports import Reading

# Both must be at rest, the VM and the elastic NIC.
_AT_REST_TOO = """
    e.state = 'ready' AND e.updated_at < now() - %(grace)s::interval
    AND NOT EXISTS (SELECT FROM lifecycle_operation o WHERE o.target_id = e.id AND o.exclusive
        AND (o.status IN ('queued', 'running') OR o.finished_at > now() - %(grace)s::interval))
"""

_COMPARE = f"""
WITH vm AS MATERIALIZED (
    SELECT r.id, r.name, r.tenant_id, vm.host_id
      FROM unnest(%(vms)s::uuid[], %(on)s::uuid[]) AS s(id, host)
      JOIN compute_vm vm ON vm.resource_id = s.id AND vm.host_id = s.host
      JOIN lifecycle_resource r ON r.id = vm.resource_id
     WHERE {AT_REST}
), seen AS MATERIALIZED (
    SELECT * FROM unnest(%(of)s::uuid[], %(ports)s::uuid[]) AS s(vm, port)
)
SELECT '{UNPLUGGED}', e.id, e.name, vm.tenant_id, vm.id, vm.name, vm.host_id
  FROM vm JOIN network_eni k ON k.vm_id = vm.id JOIN lifecycle_resource e ON e.id = k.resource_id
  JOIN network_nic n ON n.owner_id = e.id
 WHERE NOT EXISTS (SELECT FROM seen s WHERE s.vm = vm.id AND s.port = n.id) AND {_AT_REST_TOO}
UNION ALL
SELECT CASE WHEN n.id IS NULL THEN '{ATTACHED}' ELSE '{PLUGGED}' END, COALESCE(e.id, s.port),
       COALESCE(e.name, s.port::text), vm.tenant_id, vm.id, vm.name, vm.host_id
  FROM seen s JOIN vm ON vm.id = s.vm LEFT JOIN network_nic n ON n.id = s.port
  LEFT JOIN network_eni k ON k.resource_id = n.owner_id LEFT JOIN lifecycle_resource e ON e.id = k.resource_id
 WHERE n.owner_id IS DISTINCT FROM s.vm AND k.vm_id IS DISTINCT FROM s.vm AND (e.id IS NULL OR {_AT_REST_TOO})
"""  # noqa: S608 -- constants of this app only


def differences(readings: Sequence[Reading], hosts: Mapping[UUID, Place]) -> Iterator[Difference]:
    """Return how the NICs that these reports name differ from the rows. Actions act on the VM."""
    arguments: dict[str, Any] = {**_seen(readings), "grace": GRACE}
    with connection.cursor() as cursor:
        cursor.execute(_COMPARE, arguments)
        for aspect, id, name, tenant, vm, vm_name, host in cursor.fetchall():
            yield Difference(
                Rule.UNSYNCED,
                "eni",
                id,
                hosts[host],
                aspect=aspect,
                name=name,
                resource=vm,
                tenant=tenant,
                values={"vm": vm_name},
            )


def _seen(readings: Sequence[Reading]) -> dict[str, Any]:
    """Return the VMs whose NICs were reported, and these NICs, column by column."""
    found: dict[str, list[Any]] = {"vms": [], "on": [], "of": [], "ports": []}
    for reading in readings:
        for vm in reading.report.observation.vms[:MOST_VMS]:
            if vm.nics is None or not is_id(vm.id):
                continue
            found["vms"].append(vm.id)
            found["on"].append(reading.host.pk)
            ports = list(filter(is_id, vm.nics))
            found["of"] += [vm.id] * len(ports)
            found["ports"] += ports
    return found
