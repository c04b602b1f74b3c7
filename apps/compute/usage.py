"""Samples of VMs from the counters their hosts tell."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from django.db import connection

from apps.drivers.specs import VmUsage
from apps.infrastructure.usage import Measured
from apps.metrics.rates import vm_values
from apps.metrics.store import Sample, Subject

_HOMES = """
SELECT host_id, array_agg(resource_id::text), array_agg(memory_mib)
  FROM compute_vm WHERE host_id = ANY(%s::uuid[]) GROUP BY host_id
"""


def vm_samples(measured: Sequence[Measured]) -> list[Sample]:
    """Return a sample for each VM that a host measured and that is the host's: none speaks of another's VMs."""
    with connection.cursor() as cursor:
        # By host: the ids of 25,000 VMs would be as many parameters, of which a statement takes 65,535.
        cursor.execute(_HOMES, [[found.host.pk for found in measured]])
        own = {host: dict(zip(ids, sizes, strict=True)) for host, ids, sizes in cursor.fetchall()}
    return [sample for found in measured for sample in _of_host(found, own.get(found.host.pk, {}))]


def _of_host(found: Measured, own: Mapping[str, int]) -> list[Sample]:
    """`own`: memory of its VMs in MiB; none of them can use more, whatever it says.

    Power-on numbers tell whether a VM's two readings are of one run, across a boot of the host too.
    """
    before = {vm.id: vm for vm in found.before.vms} if found.before else {}
    return [
        Sample(
            Subject("vm", vm.id),
            found.now.at,
            vm_values(_within(vm, own[vm.id]), before.get(vm.id), found.seconds),
        )
        for vm in found.now.vms
        if vm.id in own
    ]


def _within(vm: VmUsage, memory_mib: int) -> VmUsage:
    total = min(vm.memory_total_bytes, memory_mib << 20)
    return replace(vm, memory_total_bytes=total, memory_bytes=min(vm.memory_bytes, memory_mib << 20))
