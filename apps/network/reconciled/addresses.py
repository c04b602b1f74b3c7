"""The address books of subnets, counted again, and addresses outside their subnet."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db import connection, transaction
from django.utils.translation import gettext_lazy, gettext_noop

from apps.audit.record import record
from apps.lifecycle.actor import SYSTEM
from apps.network.models import Subnet
from apps.network.services.addresses import usable_addresses
from apps.network.verbs import SUBNET_RECOUNT
from apps.reconciliation.counts import ids_from, note_repaired
from apps.reconciliation.declared import Counted, declare_count
from apps.reconciliation.difference import Difference, Place
from apps.reconciliation.finding_writer import note
from apps.reconciliation.models import Finding, Rule
from apps.reconciliation.rules import AT_REST, GRACE

_NEXT_ADDRESSES = """
SELECT resource_id FROM network_subnet WHERE NOT (last_given <<= cidr::inet)
"""
_STRAYS = f"""
SELECT n.id, CASE WHEN n.ip6 IS NULL OR n.ip6 << s.cidr6::inet THEN host(n.ip) ELSE host(n.ip6) END,
       r.id, r.name, r.tenant_id, r.region_id, net.name
  FROM network_nic n JOIN network_subnet s ON s.resource_id = n.subnet_id
  JOIN lifecycle_resource net ON net.id = s.resource_id JOIN lifecycle_resource r ON r.id = n.owner_id
 WHERE (NOT (n.ip << s.cidr::inet) OR n.ip = s.gateway OR n.ip = broadcast(s.cidr::inet)
        OR n.ip6 IS NOT NULL AND (s.cidr6 IS NULL OR NOT (n.ip6 << s.cidr6::inet) OR n.ip6 = s.gateway6)) AND {AT_REST}
"""  # noqa: S608 -- constants


def recount_subnets() -> int:
    """Put the next addresses of subnets right; return how many were wrong."""
    return sum(recount_subnet(subnet) for subnet in ids_from(_NEXT_ADDRESSES))


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
    note_repaired(
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


def note_strays() -> None:
    """Write down NICs whose address is not their subnet's."""
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


declare_count(
    Counted(
        "subnet",
        gettext_noop("The search for the next address started at %(found)s, outside the subnet. Corrected."),
        recount_subnets,
    )
)
declare_count(
    Counted(
        "nic",
        gettext_noop("Its address %(found)s is not in subnet %(wanted)s."),
        note_strays,
        repaired=False,
        no_resync=gettext_lazy("The address of a VM cannot change. Delete the VM and create it again."),
        no_clean=gettext_lazy("Delete the VM instead."),
    )
)
