"""External segments in the administration."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from apps.network.external_filters import SegmentFilter
from apps.network.models import ExternalSegment
from apps.network.segment_forms import (
    ChangeSegmentForm,
    FreeAddressForm,
    PermitSegmentForm,
)
from apps.network.segment_texts import free_text, routes_text
from apps.network.selectors import visible_segments
from apps.network.services.segment_use import segment_users
from apps.network.sorting import ROUTES
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
from apps.portal.facets import choice_facet, region_facet, status_facet
from apps.portal.forms import LabelsForm
from apps.portal.kinds import Do, PageKind
from apps.portal.lists import Empty, ListPage
from apps.portal.status_filter import with_status

#: So many of what uses a segment are named where it cannot be deleted.
NAMED = 10
_OPEN_TO = (("true", gettext_lazy("All tenants")), ("false", gettext_lazy("Chosen tenants")))


def _goes(segment: ExternalSegment) -> list[str]:
    return [
        _("%(cidr)s is disconnected from the platform.") % {"cidr": segment.cidr},
        *_users(segment),
    ]


def _users(segment: ExternalSegment) -> list[str]:
    users = segment_users(segment)
    names = list(users.order_by("name", "pk").values_list("name", flat=True)[: NAMED + 1])
    if not names:
        return []
    named = ", ".join(names[:NAMED]) + (" …" if len(names) > NAMED else "")
    count = len(names) if len(names) <= NAMED else users.count()
    text = ngettext(
        "Cannot be deleted now: %(n)s address is in use (%(names)s). Release it first.",
        "Cannot be deleted now: %(n)s addresses are in use (%(names)s). Release them first.",
        count,
    )
    return [text % {"n": f"{count:,}", "names": named}]


def _freeing(segment: ExternalSegment) -> list[str]:
    return [
        _("The address becomes available again."),
        _("The platform checks that no machine answers at it before it is assigned."),
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


def _addresses(row: Any) -> str:
    return _("%(free)s free, %(taken)s in use") % {
        "free": free_text(row),
        "taken": f"{row.taken_addresses:,}",
    }


class SegmentList(ListPage):
    of = SEGMENT
    columns = (
        NAME,
        STATE,
        Column(
            "cidr",
            gettext_lazy("CIDR block"),
            lambda row, page: str(row.cidr),
            sort="cidr",
            width="long",
            brief=True,
            kept=True,
        ),
        Column(
            "vlan",
            gettext_lazy("VLAN"),
            lambda row, page: _vlan(row),
            sort="provider_network__vlan",
            text=lambda row, page: row.provider_network.vlan,
        ),
        Column(
            "taken",
            gettext_lazy("Addresses"),
            lambda row, page: _addresses(row),
            sort="taken_addresses",
            kept=True,
        ),
        Column("routes", gettext_lazy("Routes"), lambda row, page: routes_text(row), sort=ROUTES),
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
