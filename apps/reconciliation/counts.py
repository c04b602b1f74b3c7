"""Recounting what is counted (R4): the room promised on hosts, the address books of subnets, tenants' quotas.

Counting under the row's lock is exact, so drift is put right at once, with a line in the operation log, and kept as a
finding that is mended already. It should never happen: each is a bug to be looked for.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from django.db.models import Sum
from django.utils import timezone

from apps.audit.record import record
from apps.compute.models import Vm
from apps.infrastructure.models import Host
from apps.lifecycle.actor import SYSTEM
from apps.network.models import Subnet
from apps.network.services.addresses import usable_addresses
from apps.quotas.recount import Difference as Miscount
from apps.reconciliation.models import Finding, FindingState, Rule
from apps.reconciliation.noting import Difference, Place, note, tell
from apps.reconciliation.rules import AT_REST, GRACE
from apps.reconciliation.verbs import HOST_RECOUNT, SUBNET_RECOUNT
from apps.tenancy.models import Tenant

_PROMISES = """
SELECT h.resource_id FROM infrastructure_host h LEFT JOIN (
       SELECT host_id, sum(vcpu) AS vcpu, sum(memory_mib) AS memory FROM compute_vm GROUP BY host_id) t
    ON t.host_id = h.resource_id
 WHERE h.vcpu_reserved <> COALESCE(t.vcpu, 0) OR h.memory_reserved_mib <> COALESCE(t.memory, 0)
"""
_NEXT_ADDRESSES = """
SELECT resource_id FROM network_subnet WHERE NOT (last_given <<= cidr::inet)
"""
_STRAYS = f"""
SELECT n.id, host(n.ip), r.id, r.name, r.tenant_id, r.region_id, net.name
  FROM network_nic n JOIN network_subnet s ON s.resource_id = n.subnet_id
  JOIN lifecycle_resource net ON net.id = s.resource_id JOIN lifecycle_resource r ON r.id = n.owner_id
 WHERE (NOT (n.ip << s.cidr::inet) OR n.ip = s.gateway OR n.ip = broadcast(s.cidr::inet)) AND {AT_REST}
"""  # noqa: S608 -- constants of this app only


def recount_hosts() -> int:
    """Put the promises of hosts right that differ from what their VMs take; return how many."""
    return sum(recount_host(host) for host in _ids(_PROMISES))


def recount_subnets() -> int:
    """Put the next addresses of subnets right, and write down NICs whose address is not their subnet's."""
    mended = sum(recount_subnet(subnet) for subnet in _ids(_NEXT_ADDRESSES))
    _note_strays()
    return mended


def note_quotas(tenant: Tenant, miscounts: Sequence[Miscount]) -> None:
    """Keep as findings what a recount of quotas has put right; called in its transaction, which also logs it."""
    place = Place("")
    for miscount in miscounts:
        _keep_mended(
            Difference(
                Rule.MISCOUNTED,
                "quota",
                tenant.uid,
                place,
                aspect=miscount.metric,
                name=tenant.name,
                tenant=tenant.pk,
                values={"found": miscount.used, "wanted": miscount.exists},
            )
        )


@transaction.atomic
def recount_host(id: UUID) -> bool:
    """Count a host's promises again under its lock: who promises or releases room waits, and was counted or will be.

    Return whether they were wrong.
    """
    host = Host.objects.select_for_update(of=("self",), no_key=True).filter(pk=id).first()
    if host is None:
        return False
    total = Vm.objects.filter(host=host).aggregate(vcpu=Sum("vcpu"), memory=Sum("memory_mib"))
    promised, taken = (
        (host.vcpu_reserved, host.memory_reserved_mib),
        (
            total["vcpu"] or 0,
            total["memory"] or 0,
        ),
    )
    if promised == taken:
        return False
    Host.objects.filter(pk=id).update(vcpu_reserved=taken[0], memory_reserved_mib=taken[1])
    values = {"found": f"{promised[0]}/{promised[1]}", "wanted": f"{taken[0]}/{taken[1]}"}
    record(SYSTEM, HOST_RECOUNT.name, host, args=values)
    place = Place(host.name, host=host.pk)
    _keep_mended(
        Difference(Rule.MISCOUNTED, "host", host.pk, place, name=host.name, resource=host.pk, values=values)
    )
    return True


@transaction.atomic
def recount_subnet(id: UUID) -> bool:
    """Start a subnet's search for addresses at its beginning if it stands outside; return whether it did."""
    subnet = Subnet.objects.select_for_update(of=("self",), no_key=True).filter(pk=id).first()
    if subnet is None or subnet.last_given in subnet.cidr:
        return False
    first, _last = usable_addresses(subnet.cidr)
    values = {"found": str(subnet.last_given)}
    Subnet.objects.filter(pk=id).update(last_given=first - 1)
    record(SYSTEM, SUBNET_RECOUNT.name, subnet, args=values)
    _keep_mended(
        Difference(
            Rule.MISCOUNTED,
            "subnet",
            subnet.pk,
            Place("", region=subnet.region_id),
            name=subnet.name,
            resource=subnet.pk,
            tenant=subnet.tenant_id,
            values=values,
        )
    )
    return True


def _note_strays() -> None:
    values: dict[str, Any] = {"grace": GRACE}
    with connection.cursor() as cursor:
        cursor.execute(_STRAYS, values)
        rows = cursor.fetchall()
    differences = [
        Difference(
            Rule.MISCOUNTED,
            "nic",
            nic,
            Place("", region=region),
            name=name,
            resource=owner,
            tenant=tenant,
            values={"found": ip, "wanted": subnet},
        )
        for nic, ip, owner, name, tenant, region, subnet in rows
    ]
    note(Finding.objects.live().filter(rule=Rule.MISCOUNTED, kind="nic"), differences)


def _keep_mended(difference: Difference) -> None:
    finding = difference.finding(timezone.now())
    finding.state, finding.settled_at = FindingState.MENDED, finding.last_seen_at
    finding.save(force_insert=True)
    tell()


def _ids(statement: str) -> list[UUID]:
    with connection.cursor() as cursor:
        cursor.execute(statement)
        return [id for (id,) in cursor.fetchall()]
