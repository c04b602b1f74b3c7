"""EIPs: their list, details and create page."""

from __future__ import annotations

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.network.eip_forms import BandwidthForm, BindForm, UnbindForm
from apps.network.external_filters import EipFilter
from apps.network.models import Eip
from apps.network.selectors import visible_eips, visible_segments
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
from apps.portal.detail import DetailPage
from apps.portal.facets import (
    MOST_CHOICES,
    Choices,
    choice_facet,
    project_facet,
    region_facet,
    status_facet,
    tenant_facet,
)
from apps.portal.forms import LabelsForm
from apps.portal.html import copyable, link
from apps.portal.kinds import Do, PageKind, neighbour_url
from apps.portal.lists import Empty, ListPage
from apps.portal.status_filter import with_status
from apps.portal.view_tabs import ListView


def _unbinding(eip: Eip) -> list[str]:
    return [
        _("Connections through %(address)s end immediately.") % {"address": eip.address},
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


def segment_link(row: Eip, page: ListPage | DetailPage) -> object:
    """Return the segment of an EIP, linked for who may open it."""
    return link(neighbour_url(page.rights, page.area, row.segment), row.segment.name)


class EipList(ListPage):
    of = EIP
    columns = (
        NAME,
        STATE,
        Column(
            "address",
            gettext_lazy("IP address"),
            lambda row, page: copyable(row.address) if row.address else "",
            sort="segment_address__ip",
            width="long",
            brief=True,
            kept=True,
            text=lambda row, page: row.address,
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
            segment_link,
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
        gettext_lazy(
            "An EIP is an address outside your VPCs. Bind it to a VM to reach the VM from outside its VPC."
        ),
    )
