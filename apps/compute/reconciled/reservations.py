"""The room promised to VMs on each host, counted again."""

from __future__ import annotations

from uuid import UUID

from django.db import transaction
from django.db.models import Sum
from django.utils.translation import gettext_noop as _

from apps.audit.record import record
from apps.compute.models import Vm
from apps.compute.quota import reserved
from apps.compute.verbs import HOST_RECOUNT
from apps.infrastructure.models import Host
from apps.lifecycle.actor import SYSTEM
from apps.reconciliation.counts import ids_from, note_repaired
from apps.reconciliation.declared import Counted, declare_count
from apps.reconciliation.difference import Difference, Place
from apps.reconciliation.models import Rule

_PROMISES = """
SELECT h.resource_id FROM infrastructure_host h LEFT JOIN (
       SELECT host_id, sum(vcpu) AS vcpu, sum(memory) AS memory FROM (
              SELECT host_id, CASE WHEN resize_host_id IS NULL THEN GREATEST(vcpu, resize_vcpu) ELSE vcpu END AS vcpu,
                     CASE WHEN resize_host_id IS NULL THEN GREATEST(memory_mib, resize_memory_mib)
                          ELSE memory_mib END AS memory FROM compute_vm
              UNION ALL SELECT resize_host_id, resize_vcpu, resize_memory_mib
                          FROM compute_vm WHERE resize_host_id IS NOT NULL
              UNION ALL SELECT next_host_id, GREATEST(vcpu, resize_vcpu), GREATEST(memory_mib, resize_memory_mib)
                          FROM compute_vm WHERE next_host_id IS NOT NULL) room GROUP BY host_id) t
    ON t.host_id = h.resource_id
 WHERE h.vcpu_reserved <> COALESCE(t.vcpu, 0) OR h.memory_reserved_mib <> COALESCE(t.memory, 0)
"""


def recount_hosts() -> int:
    """Put the promises of hosts right that differ from what their VMs take; return how many."""
    return sum(recount_host(host) for host in ids_from(_PROMISES))


def taken_on(host: Host) -> tuple[int, int]:
    """Return vCPUs and memory in MiB that VMs take on a host, those included that are about to move there."""
    here, coming = Vm.objects.filter(host=host), Vm.objects.filter(resize_host=host)
    larger = {
        "vcpu": Sum(reserved("vcpu", "resize_vcpu")),
        "memory": Sum(reserved("memory_mib", "resize_memory_mib")),
    }
    totals = [
        here.filter(resize_host=None).aggregate(**larger),
        Vm.objects.filter(next_host=host).aggregate(**larger),
        here.exclude(resize_host=None).aggregate(vcpu=Sum("vcpu"), memory=Sum("memory_mib")),
        coming.aggregate(vcpu=Sum("resize_vcpu"), memory=Sum("resize_memory_mib")),
    ]
    return sum(each["vcpu"] or 0 for each in totals), sum(each["memory"] or 0 for each in totals)


@transaction.atomic
def recount_host(id: UUID) -> bool:
    """Count a host's promises again under its lock: who promises or releases room waits, and was counted or will be.

    Return whether they were wrong.
    """
    host = Host.objects.select_for_update(of=("self",), no_key=True).filter(pk=id).first()
    if host is None:
        return False
    promised = (host.vcpu_reserved, host.memory_reserved_mib)
    taken = taken_on(host)
    if promised == taken:
        return False
    Host.objects.filter(pk=id).update(vcpu_reserved=taken[0], memory_reserved_mib=taken[1])
    values = {"found": f"{promised[0]}/{promised[1]}", "wanted": f"{taken[0]}/{taken[1]}"}
    record(SYSTEM, HOST_RECOUNT.name, host, args=values)
    place = Place(host.name, host=host.pk)
    note_repaired(
        Difference(Rule.MISCOUNTED, "host", host.pk, place, name=host.name, resource=host.pk, values=values)
    )
    return True


declare_count(
    Counted(
        "host",
        _("%(found)s were reserved (vCPU/MiB), but its VMs use %(wanted)s. Corrected."),
        recount_hosts,
    )
)
