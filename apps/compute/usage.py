"""Samples of VMs from the counters their hosts tell."""

from __future__ import annotations

from collections.abc import Sequence

from apps.compute.models import Vm
from apps.infrastructure.usage import Measured
from apps.metrics.rates import vm_values
from apps.metrics.store import Sample, Subject


def vm_samples(measured: Sequence[Measured]) -> list[Sample]:
    """Return a sample for each VM that a host measured and that is the host's: none speaks of another's VMs."""
    told = [vm.id for found in measured for vm in found.now.vms]
    homes = {str(pk): host for pk, host in Vm.objects.filter(pk__in=told).values_list("pk", "host_id")}
    return [
        sample
        for found in measured
        for sample in _of_host(found)
        if homes.get(sample.subject.key) == found.host.pk
    ]


def _of_host(found: Measured) -> list[Sample]:
    """Power-on numbers tell whether a VM's two readings are of one run, across a boot of the host too."""
    before = {vm.id: vm for vm in found.before.vms} if found.before else {}
    return [
        Sample(Subject("vm", vm.id), found.now.at, vm_values(vm, before.get(vm.id), found.seconds))
        for vm in found.now.vms
    ]
