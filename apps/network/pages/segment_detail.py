"""An external segment: its network, its addresses, and its create page."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.infrastructure.models import Region
from apps.infrastructure.pages.cluster_parts import permission
from apps.lifecycle.models import Operation
from apps.network.address_map import (
    CONFLICT,
    FREE,
    QUARANTINED,
    RESERVED,
    USED,
    WORDS,
    address_map,
    counts_of,
    state_of,
)
from apps.network.api.segments import SegmentsApi
from apps.network.models import SegmentAddress
from apps.network.pages.segments import SEGMENT
from apps.network.segment_forms import (
    SegmentForm,
    range_lines,
)
from apps.network.segment_texts import free_text, number_text, routes_text
from apps.network.selectors import visible_segment_addresses
from apps.network.services.external_segment import create_segment
from apps.network.services.segment_use import segment_users
from apps.network.verbs.external_segment import (
    SEGMENT_FREE_ADDRESS,
)
from apps.portal.create import CreatePage, Section
from apps.portal.dependencies import Related
from apps.portal.detail import ACTIVITY, OVERVIEW, DetailPage, Properties, Property, Tab

#: Rows of a page of the addresses that are not free.
PAGE = 50


def _addresses(page: DetailPage, row: Any) -> dict[str, Any]:
    asked = page.request.GET
    rows = visible_segment_addresses(page.actor).filter(segment=row)
    use = asked.get("use", "")
    shown = rows.filter(use=use) if use in SegmentAddress.Use.values else rows
    given = asked.get("page", "")
    number = max(1, int(given)) if given.isdecimal() and len(given) < 6 else 1
    found = list(shown.order_by("ip")[(number - 1) * PAGE : number * PAGE + 1])
    free = next(
        (o for o in page.of.offers(page.rights, row, page.area) if o.do.verb is SEGMENT_FREE_ADDRESS), None
    )
    return {
        "map": address_map(row, rows, asked.get("from", "")),
        "counts": [(state, WORDS[state], number_text(number)) for state, number in counts_of(row).items()],
        "reserved": (RESERVED, WORDS[RESERVED]),
        "lines": [(each, state_of(each), WORDS[state_of(each)]) for each in found[:PAGE]],
        "uses": [("", _("All")), *SegmentAddress.Use.choices],
        "use": use if use in SegmentAddress.Use.values else "",
        "number": number,
        "more": len(found) > PAGE,
        "start": asked.get("from", ""),
        "free": free,
    }


class SegmentDetail(DetailPage):
    of = SEGMENT
    template_name = "network/segment.html"
    primary = ("retry", "change", "permit")
    tabs = (
        OVERVIEW,
        Tab("addresses", gettext_lazy("Addresses"), "network/segment_addresses.html", _addresses),
        ACTIVITY,
    )

    def facts(self, row: Any) -> Sequence[Property]:
        """Block, and how much is left."""
        return [
            Property(_("CIDR block"), str(row.cidr), copy=True),
            Property(_("Free addresses"), free_text(row)),
        ]

    def properties(self, row: Any) -> Sequence[Properties]:
        """What it is, what is given out of it and to whom."""
        counts = counts_of(row)
        return [
            Properties(
                _("Network"),
                [
                    Property(_("CIDR block"), str(row.cidr), copy=True),
                    Property(_("Gateway"), str(row.gateway), copy=True),
                    Property(_("Router address"), str(row.router_address), copy=True),
                    Property(_("Physical network"), row.provider_network.physical_network),
                    Property(_("VLAN"), row.provider_network.vlan or _("untagged")),
                    Property(_("Hosts of the edge"), ", ".join(row.edge.hosts)),
                ],
            ),
            Properties(
                _("Addresses"),
                [
                    Property(_("Allocation ranges"), ", ".join(range_lines(row, reserved=False)) or _("all")),
                    Property(_("Reserved ranges"), ", ".join(range_lines(row, reserved=True)) or _("none")),
                    Property(_("Routes"), routes_text(row)),
                    Property(
                        _("Bandwidth ceiling"),
                        _("%(n)s Mbit/s in each direction") % {"n": f"{row.ceiling_mbit:,}"},
                    ),
                    *(
                        Property(WORDS[state], number_text(counts[state]))
                        for state in (FREE, USED, QUARANTINED, CONFLICT)
                    ),
                ],
            ),
            permission(row),
        ]

    def uses(self, row: Any) -> Sequence[Related]:
        """Where it is."""
        return [Related("region", Region.objects.filter(pk=row.region_id))]

    def used_by(self, row: Any) -> Sequence[Related]:
        """What has addresses of it."""
        users = segment_users(row)
        return [
            Related("eip", users.filter(kind="eip"), f"segment={row.pk}"),
            Related("eni", users.filter(kind="eni"), f"segment={row.pk}"),
        ]

    def watch(self, row: Any) -> Sequence[str]:
        """Addresses that come and go."""
        return ["eip", "eni"]


class SegmentCreate(CreatePage):
    of = SEGMENT
    form = SegmentForm
    api = SegmentsApi
    sections = (
        Section(gettext_lazy("Basics"), ("name", "region", "description")),
        Section(gettext_lazy("Network"), ("physical_network", "vlan", "cidr", "gateway", "router_address")),
        Section(gettext_lazy("Addresses"), ("ranges", "reserved", "routes", "ceiling_mbit")),
        Section(gettext_lazy("Permission"), ("open_to_all", "tenants")),
    )

    def body(self, data: dict[str, Any]) -> dict[str, Any]:
        """The region by its name, tenants by their ids."""
        found = dict(data)
        if found.get("region"):
            found["region"] = found["region"].name
        if "tenants" in found:
            found["tenants"] = [str(tenant.uid) for tenant in found["tenants"]]
        return found

    def submit(self, data: dict[str, Any]) -> Operation:
        """Create it."""
        return create_segment(self.actor, **data)
