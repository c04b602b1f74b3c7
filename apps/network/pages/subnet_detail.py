"""The page of one subnet."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.lifecycle.models import Resource
from apps.network import selectors
from apps.network.models import Nic, Subnet, Vpc
from apps.network.pages.subnets import SUBNET, free_of_all
from apps.portal import html
from apps.portal.dependencies import Related
from apps.portal.detail import ACTIVITY, OVERVIEW, DetailPage, Properties, Property, Tab
from apps.portal.kinds import neighbour_url

#: A page shows no more NICs than this; the API's /nics has them all.
MOST_NICS = 200


def _ipv6(row: Subnet) -> list[Property]:
    if not row.cidr6:
        return [Property(_("IPv6 prefix"), _("none: IPv4 only"))]
    return [
        Property(_("IPv6 prefix"), row.cidr6, copy=True),
        Property(_("IPv6 gateway"), row.gateway6, copy=True),
    ]


def _addresses(page: DetailPage, subnet: Subnet) -> dict[str, Any]:
    nics = selectors.visible_nics(page.actor).filter(subnet=subnet).order_by("ip")
    return {"nics": nics[:MOST_NICS], "most": MOST_NICS, "more": subnet.taken_addresses > MOST_NICS}


class SubnetDetail(DetailPage):
    of = SUBNET
    primary = ("retry", "rename")
    tabs = (
        OVERVIEW,
        Tab("addresses", gettext_lazy("Addresses in use"), "network/subnet_addresses.html", _addresses),
        ACTIVITY,
    )

    def facts(self, row: Any) -> Sequence[Property]:
        """Block and gateway."""
        return [
            Property(_("CIDR block"), row.cidr, copy=True),
            Property(_("Gateway"), row.gateway, copy=True),
            *([Property(_("IPv6 prefix"), row.cidr6, copy=True)] if row.cidr6 else []),
        ]

    def properties(self, row: Any) -> Sequence[Properties]:
        """What it is, and how much is left of it."""
        return [
            Properties(
                _("Subnet"),
                [
                    Property(
                        _("VPC"),
                        html.link(neighbour_url(self.rights, self.area, row.vpc), row.vpc.name),
                    ),
                    Property(_("CIDR block"), row.cidr, copy=True),
                    Property(_("Gateway"), row.gateway, copy=True),
                    *_ipv6(row),
                    Property(_("Free addresses"), free_of_all(row)),
                    Property(_("DNS servers"), ", ".join(row.region.dns_servers)),
                ],
            )
        ]

    def uses(self, row: Any) -> Sequence[Related]:
        """The network it is a part of."""
        return [Related("vpc", Vpc.objects.filter(pk=row.vpc_id))]

    def used_by(self, row: Any) -> Sequence[Related]:
        """Machines and elastic NICs with an address in it."""
        owners = Nic.objects.filter(subnet=row).values("owner")
        return [
            Related("vm", Resource.objects.filter(kind="vm", pk__in=owners), f"subnet={row.pk}"),
            Related("eni", Resource.objects.filter(kind="eni", pk__in=owners), f"subnet={row.pk}"),
        ]

    def watch(self, row: Any) -> Sequence[str]:
        """Machines that come and go."""
        return ["vm", "eni"]
