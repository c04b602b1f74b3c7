"""EIPs: their list, details and create page."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.lifecycle.models import Operation, Resource
from apps.network.api.eips import EipsApi
from apps.network.carriers import carrier_of
from apps.network.eip_forms import BandwidthForm, BindForm, EipForm, UnbindForm
from apps.network.filters import EipFilter
from apps.network.models import Eip, ExternalSegment
from apps.network.selectors import visible_eips, visible_segments
from apps.network.services.eip import create_eips
from apps.network.services.segment_addresses import free_addresses
from apps.network.verbs.eip import (
    EIP_BIND,
    EIP_CREATE,
    EIP_DELETE,
    EIP_PICK_EGRESS,
    EIP_RENAME,
    EIP_RETRY,
    EIP_SET_BANDWIDTH,
    EIP_UNBIND,
)
from apps.portal.columns import (
    CREATED,
    DESCRIPTION,
    ID,
    NAME,
    PROJECT,
    REGION,
    STATE,
    TENANT,
    UPDATED,
    Column,
)
from apps.portal.create import CreatePage, Section
from apps.portal.dependencies import Related
from apps.portal.detail import ACTIVITY, OVERVIEW, DetailPage, Properties, Property
from apps.portal.facets import (
    MOST_CHOICES,
    Choices,
    choice_facet,
    project_facet,
    region_facet,
    status_facet,
    tenant_facet,
)
from apps.portal.forms import BaseForm, LabelsForm
from apps.portal.html import link, moment
from apps.portal.kinds import Do, PageKind, neighbour_url
from apps.portal.lists import Empty, ListPage
from apps.portal.prefill import as_typed
from apps.portal.status_filter import with_status
from apps.portal.summary import cleaned
from apps.portal.view_tabs import ListView


def _unbinding(eip: Eip) -> list[str]:
    return [
        _("Connections through %(address)s end at once.") % {"address": eip.address},
        _("The EIP stays yours. You can bind it again."),
    ]


def _picking(eip: Eip) -> list[str]:
    name = eip.carrier.name if eip.carrier else ""
    return [
        _("New outbound connections of %(name)s use %(address)s.") % {"name": name, "address": eip.address}
    ]


def _goes(eip: Eip) -> list[str]:
    return [
        _("You lose %(address)s. Another tenant may get it.") % {"address": eip.address}
        if eip.address
        else _("The EIP has no address.")
    ]


EIP = PageKind(
    "eip",
    "eips",
    one=gettext_lazy("EIP"),
    many=gettext_lazy("EIPs"),
    icon="world",
    help="networks#eips",
    visible=visible_eips,
    beside=lambda eip: eip.address,
    create=EIP_CREATE,
    copies=True,
    actions=(
        Do(EIP_RETRY),
        Do(EIP_BIND, form=BindForm, also=gettext_lazy("Move")),
        Do(EIP_UNBIND, form=UnbindForm, says=_unbinding, bulk=True),
        Do(EIP_SET_BANDWIDTH, form=BandwidthForm, bulk=True, also=gettext_lazy("QoS")),
        Do(EIP_PICK_EGRESS, says=_picking, bulk=False),
        Do(EIP_RENAME, form=LabelsForm),
        Do(EIP_DELETE, says=_goes, typed_name=True),
    ),
)


def carrier_link(row: Eip, page: ListPage | DetailPage) -> object:
    """Return what an EIP is bound to, linked for who may open it."""
    return link(neighbour_url(page.rights, page.area, row.carrier), row.carrier.name) if row.carrier else ""


def _segments(page: ListPage) -> Choices:
    rows = visible_segments(page.actor).order_by("name")[:MOST_CHOICES]
    return [(segment.pk, segment.name) for segment in rows]


def _segment_link(row: Eip, page: ListPage | DetailPage) -> object:
    return link(neighbour_url(page.rights, page.area, row.segment), row.segment.name)


class EipList(ListPage):
    of = EIP
    columns = (
        NAME,
        STATE,
        Column(
            "address",
            gettext_lazy("IP address"),
            lambda row, page: row.address,
            sort="segment_address__ip",
            width="address",
            wide=False,
        ),
        Column(
            "carrier",
            gettext_lazy("Bound to"),
            carrier_link,
            sort="carrier__name",
            filter="carrier_name",
            brief=True,
            text=lambda row, page: row.carrier.name if row.carrier else "",
        ),
        Column(
            "segment",
            gettext_lazy("External segment"),
            _segment_link,
            sort="segment__name",
            facet=choice_facet("segment", gettext_lazy("External segment"), _segments),
            text=lambda row, page: row.segment.name,
        ),
        Column(
            "mbit",
            gettext_lazy("Mbit/s"),
            lambda row, page: f"{row.mbit:,}",
            sort="mbit",
            end=True,
            text=lambda row, page: row.mbit,
        ),
        TENANT,
        PROJECT,
        REGION,
        CREATED,
        UPDATED,
        ID,
        DESCRIPTION,
    )
    filter = with_status(EipFilter, Eip, "eip")
    facets = (
        status_facet,
        choice_facet("segment", gettext_lazy("External segment"), _segments),
        tenant_facet,
        project_facet,
        region_facet,
    )
    views = (ListView("free", gettext_lazy("Unbound"), "bound=false"),)
    more_filters = ("version", "bound")
    row_actions = ("bind", "unbind")
    search_hint = gettext_lazy("Name, ID or address")
    empty = Empty(
        gettext_lazy("No EIPs yet"),
        gettext_lazy("An EIP is an address outside your VPCs. Bind it to a VM to reach the VM from there."),
    )


class EipDetail(DetailPage):
    of = EIP
    primary = ("retry", "bind", "unbind", "set_bandwidth")
    tabs = (OVERVIEW, ACTIVITY)

    def facts(self, row: Eip) -> Sequence[Property]:
        """Its address, and where it is."""
        facts = [Property(_("IP address"), row.address, copy=bool(row.address))]
        if row.carrier is not None:
            facts.append(Property(_("Bound to"), carrier_link(row, self)))
        return facts

    def properties(self, row: Any) -> Sequence[Properties]:
        """The address and what it is used for."""
        return [
            Properties(
                _("Address"),
                [
                    Property(_("IP address"), row.address, copy=bool(row.address)),
                    Property(_("External segment"), _segment_link(row, self)),
                    Property(_("Gateway"), str(row.segment.gateway)),
                    Property(_("Routes"), routes_text(row.segment)),
                    Property(_("Bandwidth"), _("%(n)s Mbit/s each way") % {"n": f"{row.mbit:,}"}),
                ],
            ),
            Properties(_("Binding"), self._binding(row)),
        ]

    def _binding(self, row: Eip) -> list[Property]:
        if row.carrier is None:
            return [Property(_("Bound to"), "")]
        kind = carrier_of(row.carrier.kind)
        found = [
            Property(_("Bound to"), carrier_link(row, self)),
            Property(_("Bound since"), moment(row.bound_at)),
        ]
        if kind is not None and len(kind.deliveries) > 1:
            found.append(Property(_("Delivery"), row.get_delivery_display()))
        if kind is not None and kind.egress:
            picked = _("Picked") if row.is_egress else _("Not picked")
            found.append(Property(_("Default egress"), picked))
        return found

    def uses(self, row: Eip) -> Sequence[Related]:
        """Where its address is from."""
        return [Related("external_segment", ExternalSegment.objects.filter(pk=row.segment_id))]

    def used_by(self, row: Eip) -> Sequence[Related]:
        """What it is bound to."""
        if row.carrier is None:
            return []
        return [Related(row.carrier.kind, Resource.objects.filter(pk=row.carrier_id))]

    def watch(self, row: Eip) -> Sequence[str]:
        """What it is bound to."""
        return [f"{row.carrier.kind}:{row.carrier_id}"] if row.carrier else []


def routes_text(segment: ExternalSegment) -> str:
    """Return what a segment's addresses lead to, as people read it."""
    words = [_("default route") if route.prefixlen == 0 else str(route) for route in segment.routes]
    return ", ".join(words) or _("none")


class EipCreate(CreatePage):
    of = EIP
    form = EipForm
    api = EipsApi
    aside = "network/eip_summary.html"
    sections = (
        Section(gettext_lazy("Basics"), ("name", "count", "project", "description")),
        Section(gettext_lazy("Address"), ("segment", "address", "mbit")),
    )

    def submit(self, data: dict[str, Any]) -> Operation | Sequence[Operation]:
        """Apply for one or several."""
        operations = create_eips(self.actor, **data)
        return operations[0] if len(operations) == 1 else operations

    def values_of(self, row: Eip) -> dict[str, Any]:
        """Return the choices of another EIP of the same segment."""
        found = {
            "description": row.description,
            "project": row.project and row.project.uid,
            "segment": row.segment_id,
            "mbit": row.mbit,
        }
        return {name: value for name, value in found.items() if value}

    def more(self, form: BaseForm) -> dict[str, Any]:
        """Return what the summary says: from where, how fast, and what is left there."""
        data = cleaned(form if form.is_bound else as_typed(form))
        segment = visible_segments(self.actor).filter(pk=data.get("segment")).first()
        if segment is None:
            return {"segment": None}
        return {
            "segment": segment,
            "eip_count": data.get("count") or 1,
            "address": data.get("address", ""),
            "mbit": data.get("mbit"),
            "routes": routes_text(segment),
            "left": free_addresses(segment),
        }
