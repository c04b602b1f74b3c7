"""Samples of disks from the counters their VMs' hosts report."""

from __future__ import annotations

from collections.abc import Sequence

from django.db import connection

from apps.drivers.specs import VmUsage
from apps.infrastructure.usage import Measured
from apps.metrics.rates import disk_values
from apps.metrics.store import Sample, Subject

_ATTACHED = """
SELECT v.host_id, array_agg(d.resource_id::text || ' ' || v.resource_id::text)
  FROM storage_disk d JOIN compute_vm v ON v.resource_id = d.vm_id
 WHERE v.host_id = ANY(%s::uuid[]) GROUP BY v.host_id
"""


def disk_samples(measured: Sequence[Measured]) -> list[Sample]:
    """Return a sample for each disk that a host measured in a VM of its own that the disk is attached to."""
    with connection.cursor() as cursor:
        cursor.execute(_ATTACHED, [[found.host.pk for found in measured]])
        own = {host: set(pairs) for host, pairs in cursor.fetchall()}
    return [sample for found in measured for sample in _of_host(found, own.get(found.host.pk, set()))]


def _of_host(found: Measured, own: set[str]) -> list[Sample]:
    """`own`: "disk VM" of each disk that is attached to a VM of the host."""
    before = {(vm.id, vm.boot, disk.id): disk for vm in _before(found) for disk in vm.disks}
    samples = []
    for vm in found.now.vms:
        for disk in vm.disks:
            if f"{disk.id} {vm.id}" in own:
                values = disk_values(disk, before.get((vm.id, vm.boot, disk.id)), found.seconds)
                # A disk has nothing but rates: the first reading says nothing yet.
                samples += [Sample(Subject("disk", disk.id), found.now.at, values)] if values else []
    return samples


def _before(found: Measured) -> Sequence[VmUsage]:
    return found.before.vms if found.before else ()
