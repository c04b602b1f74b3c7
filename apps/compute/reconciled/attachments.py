"""Comparing the disks of VMs with what their hosts report: one statement for all hosts whose turn it is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.db import connection

from apps.compute.reconciled.reports import MOST_VMS
from apps.reconciliation.difference import Difference, Place
from apps.reconciliation.models import Rule
from apps.reconciliation.rules import AT_REST, ATTACHED, DETACHED, GRACE, GUEST_SIZE, LIMITS, is_id

if TYPE_CHECKING:
    from apps.infrastructure.reports import Reading

GIB, MIB = 1 << 30, 1 << 20

# Both must be at rest, the VM and the disk. A disk whose attach failed is listed as in trouble already.
_AT_REST_TOO = """
    d.state = 'ready' AND d.error = '{}' AND d.updated_at < now() - %(grace)s::interval
    AND NOT EXISTS (SELECT FROM lifecycle_operation o WHERE o.target_id = d.id AND o.exclusive
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
    SELECT * FROM unnest(%(of)s::uuid[], %(ids)s::uuid[], %(sizes)s::bigint[], %(iops)s::bigint[], %(bytes)s::bigint[])
               AS s(vm, id, size, iops, bytes)
), attached AS MATERIALIZED (
    SELECT d.id, d.name, d.tenant_id, vm.id AS vm, vm.name AS vm_name, vm.host_id, k.size_gib, k.size_before_gib,
           k.iops, k.bytes_per_second, s.id IS NOT NULL AS there, s.size, s.iops AS seen_iops, s.bytes AS seen_bytes
      FROM vm JOIN storage_disk k ON k.vm_id = vm.id JOIN lifecycle_resource d ON d.id = k.resource_id
      LEFT JOIN seen s ON s.vm = vm.id AND s.id = d.id
     WHERE {_AT_REST_TOO}
)
SELECT '{DETACHED}', id, name, tenant_id, vm, vm_name, host_id, 0, 0, 0, 0 FROM attached WHERE NOT there
UNION ALL SELECT '{LIMITS}', id, name, tenant_id, vm, vm_name, host_id, iops, bytes_per_second, seen_iops, seen_bytes
  FROM attached WHERE there AND size_before_gib IS NULL AND (iops, bytes_per_second) <> (seen_iops, seen_bytes)
UNION ALL SELECT '{GUEST_SIZE}', id, name, tenant_id, vm, vm_name, host_id, size_gib, 0, size / {GIB}, 0
  FROM attached WHERE there AND size_before_gib IS NULL AND size > 0 AND size < size_gib * {GIB}::bigint
UNION ALL SELECT '{ATTACHED}', s.id, COALESCE(d.name, s.id::text), vm.tenant_id, vm.id, vm.name, vm.host_id, 0, 0, 0, 0
  FROM seen s JOIN vm ON vm.id = s.vm
  LEFT JOIN storage_disk k ON k.resource_id = s.id LEFT JOIN lifecycle_resource d ON d.id = s.id
 WHERE k.vm_id IS DISTINCT FROM s.vm AND (d.id IS NULL OR {_AT_REST_TOO})
"""  # noqa: S608 -- constants of this app only


def differences(readings: Sequence[Reading], hosts: Mapping[UUID, Place]) -> Iterator[Difference]:
    """Return how the disks that these reports name differ from their rows. Actions act on the VM."""
    arguments: dict[str, Any] = {**_seen(readings), "grace": GRACE}
    with connection.cursor() as cursor:
        cursor.execute(_COMPARE, arguments)
        for aspect, id, name, tenant, vm, vm_name, host, *figures in cursor.fetchall():
            yield Difference(
                Rule.UNSYNCED,
                "disk",
                id,
                hosts[host],
                aspect=aspect,
                name=name,
                resource=vm,
                tenant=tenant,
                values={"vm": vm_name, **_figures(aspect, *figures)},
            )


def _seen(readings: Sequence[Reading]) -> dict[str, Any]:
    """Return the VMs whose disks were reported, and these disks, column by column."""
    vms: list[tuple[str, UUID]] = []
    disks: list[tuple[str, str, int, int, int]] = []
    for reading in readings:
        for vm in reading.report.observation.vms[:MOST_VMS]:
            if vm.disks is not None and is_id(vm.id):
                vms.append((vm.id, reading.host.pk))
                disks.extend(
                    (vm.id, disk.id, disk.size_bytes, disk.iops, disk.bytes_per_second)
                    for disk in vm.disks
                    if is_id(disk.id)
                )
    columns = dict(zip(("vms", "on"), _columns(vms, 2), strict=True))
    return columns | dict(zip(("of", "ids", "sizes", "iops", "bytes"), _columns(disks, 5), strict=True))


def _columns(rows: Sequence[tuple[Any, ...]], width: int) -> list[list[Any]]:
    return [list(column) for column in zip(*rows, strict=True)] if rows else [[] for _ in range(width)]


def _figures(aspect: str, wanted: int, wanted_bytes: int, found: int, found_bytes: int) -> dict[str, Any]:
    if aspect == LIMITS:
        return {"wanted": _limits(wanted, wanted_bytes), "found": _limits(found, found_bytes)}
    return {"wanted": wanted, "found": found} if aspect == GUEST_SIZE else {}


def _limits(iops: int, bytes_per_second: int) -> str:
    return f"{iops} IOPS, {bytes_per_second / MIB:.6g} MiB/s"
