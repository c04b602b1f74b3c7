"""The numbers of VPCs' links to the edge."""

from __future__ import annotations

from uuid import UUID

from django.db import connection, transaction

from apps.drivers.errors import DriverError
from apps.drivers.errors import mark as _
from apps.drivers.specs import MOST_UPLINKS
from apps.network.models import Edge, VpcUplink

# The lowest number that no VPC of the edge has.
_LOWEST_FREE = """
SELECT number FROM (SELECT 1 AS number UNION ALL
                    SELECT used.number + 1 FROM network_vpcuplink used WHERE used.edge_id = %(edge)s) AS candidate
 WHERE NOT EXISTS (SELECT FROM network_vpcuplink other
                    WHERE other.edge_id = %(edge)s AND other.number = candidate.number)
 ORDER BY number LIMIT 1
"""


def ensure_uplink(edge: Edge, vpc: UUID) -> VpcUplink:
    """Return the VPC's link to the edge, numbered now if it has none yet. A VPC keeps its number for its whole life."""
    found = VpcUplink.objects.filter(vpc=vpc).first()
    if found is not None:
        return found
    with transaction.atomic():
        # One at a time for an edge; whoever waited sees what was written meanwhile.
        Edge.objects.select_for_update(no_key=True).only("pk").get(pk=edge.pk)
        found = VpcUplink.objects.filter(vpc=vpc).first()
        return found or VpcUplink.objects.create(edge=edge, vpc_id=vpc, number=_free_number(edge))


def _free_number(edge: Edge) -> int:
    with connection.cursor() as cursor:
        cursor.execute(_LOWEST_FREE, {"edge": edge.pk})
        (number,) = cursor.fetchone()
    if number > MOST_UPLINKS:
        raise DriverError(
            _("%(most)s VPCs of this region already have addresses by one-to-one NAT."),
            values={"most": MOST_UPLINKS},
            code="edge.full",
            permanent=True,
            hint=_("Choose the delivery “In the guest”."),
        )
    return int(number)
