"""External segments in the administration."""

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
    RESERVED,
    RESTING,
    USED,
    WORDS,
    address_map,
    counts_of,
    state_of,
)
from apps.network.api.segments import SegmentsApi
from apps.network.eip_forms import free_text
from apps.network.filters import SegmentFilter
from apps.network.models import ExternalSegment, SegmentAddress
from apps.network.pages.eips import routes_text
from apps.network.segment_forms import (
    ChangeSegmentForm,
    FreeAddressForm,
    PermitSegmentForm,
    SegmentForm,
    range_lines,
)
from apps.network.selectors import visible_segment_addresses, visible_segments
from apps.network.services.external_segment import create_segment
from apps.network.services.segment_use import segment_users
from apps.network.verbs.external_segment import (
    SEGMENT_CHANGE,
    SEGMENT_CREATE,
    SEGMENT_DELETE,
    SEGMENT_FREE_ADDRESS,
    SEGMENT_PERMIT,
    SEGMENT_RENAME,
    SEGMENT_RETRY,
)
from apps.portal.columns import CREATED, DESCRIPTION, ID, NAME, REGION, STATE, UPDATED, Column
from apps.portal.create import CreatePage, Section
from apps.portal.dependencies import Related
from apps.portal.detail import ACTIVITY, OVERVIEW, DetailPage, Properties, Property, Tab
from apps.portal.facets import choice_facet, region_facet, status_facet
from apps.portal.forms import LabelsForm
from apps.portal.kinds import Do, PageKind
from apps.portal.lists import Empty, ListPage
from apps.portal.status_filter import with_status

#: Rows of a page of the addresses that are not free.
PAGE = 50
_OPEN_TO = (("true", gettext_lazy("All tenants")), ("false", gettext_lazy("Chosen tenants")))


def _goes(segment: ExternalSegment) -> list[str]:
    return [
        _("%(cidr)s is disconnected from the platform.") % {"cidr": segment.cidr},
        _("Only a segment without addresses in use can be deleted."),
    ]


def _freeing(segment: ExternalSegment) -> list[str]:
    return [
        _("The address is given out again."),
        _("Before that, the platform checks whether something answers at it."),
    ]


SEGMENT = PageKind(
    "external_segment",
    "external-segments",
    one=gettext_lazy("external segment"),
    many=gettext_lazy("External segments"),
    icon="world-www",
    help="administration#external-segments",
    visible=visible_segments,
    beside=lambda segment: str(segment.cidr),
    create=SEGMENT_CREATE,
    actions=(
        Do(SEGMENT_RETRY),
        Do(SEGMENT_CHANGE, form=ChangeSegmentForm, also=gettext_lazy("Ranges")),
        Do(SEGMENT_PERMIT, form=PermitSegmentForm, also=gettext_lazy("Permission")),
        Do(SEGMENT_FREE_ADDRESS, form=FreeAddressForm, says=_freeing),
        Do(SEGMENT_RENAME, form=LabelsForm),
        Do(SEGMENT_DELETE, says=_goes, typed_name=True),
    ),
)


def _vlan(row: Any) -> str:
    network = row.provider_network
    return f"{network.physical_network} · {network.vlan or _('untagged')}"


class SegmentList(ListPage):
    of = SEGMENT
    columns = (
        NAME,
        STATE,
        Column(
            "cidr", gettext_lazy("CIDR block"), lambda row, page: str(row.cidr), sort="cidr", width="address"
        ),
        Column(
            "vlan",
            gettext_lazy("VLAN"),
            lambda row, page: _vlan(row),
            sort="provider_network__vlan",
            text=lambda row, page: row.provider_network.vlan,
        ),
        Column(
            "free",
            gettext_lazy("Free addresses"),
            lambda row, page: free_text(row),
            end=True,
            wide=False,
            text=lambda row, page: free_text(row),
        ),
        Column(
            "taken",
            gettext_lazy("Not free"),
            lambda row, page: f"{row.taken_addresses:,}",
            sort="taken_addresses",
            end=True,
            text=lambda row, page: row.taken_addresses,
        ),
        Column("routes", gettext_lazy("Routes"), lambda row, page: routes_text(row)),
        Column(
            "open_to",
            gettext_lazy("Open to"),
            lambda row, page: dict(_OPEN_TO)["true" if row.open_to_all else "false"],
            sort="open_to_all",
            facet=choice_facet("open_to", gettext_lazy("Open to"), lambda page: _OPEN_TO),
        ),
        REGION,
        CREATED,
        UPDATED,
        ID,
        DESCRIPTION,
    )
    filter = with_status(SegmentFilter, ExternalSegment, "external_segment")
    facets = (status_facet, region_facet)
    watch = ("eip",)
    search_hint = gettext_lazy("Name, ID or address")
    empty = Empty(
        gettext_lazy("No external segments yet"),
        gettext_lazy("Tenants get EIPs from external segments: networks that the hosts are connected to."),
    )


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
        "counts": [(state, WORDS[state], number) for state, number in counts_of(row).items()],
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
                    Property(
                        _("Ranges handed out"), ", ".join(range_lines(row, kept_back=False)) or _("all")
                    ),
                    Property(_("Ranges kept back"), ", ".join(range_lines(row, kept_back=True)) or _("none")),
                    Property(_("Routes"), routes_text(row)),
                    Property(
                        _("Bandwidth ceiling"), _("%(n)s Mbit/s each way") % {"n": f"{row.ceiling_mbit:,}"}
                    ),
                    *(
                        Property(WORDS[state], f"{counts[state]:,}")
                        for state in (FREE, USED, RESTING, CONFLICT)
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
        Section(gettext_lazy("Addresses"), ("ranges", "kept_back", "routes", "ceiling_mbit")),
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
