"""Elastic NICs: their actions and their list."""

from __future__ import annotations

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.lifecycle.models import Resource
from apps.network.eni_forms import EniBandwidthForm, EniGroupForm, UnbindEniForm
from apps.network.external_filters import EniFilter
from apps.network.models import Eni, Nic, NicRole
from apps.network.selectors import visible_enis
from apps.network.sorting import ENI_ADDRESS, ENI_NETWORK, IS_EXTERNAL
from apps.network.verbs.eni import (
    ENI_CREATE,
    ENI_DELETE,
    ENI_RENAME,
    ENI_RETRY,
    ENI_SET_BANDWIDTH,
    ENI_SET_SECURITY_GROUP,
    ENI_UNBIND,
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
from apps.portal.facets import choice_facet, project_facet, region_facet, status_facet, tenant_facet
from apps.portal.forms import LabelsForm
from apps.portal.html import copyable, link
from apps.portal.kinds import Do, PageKind, neighbour_url
from apps.portal.lists import Empty, ListPage
from apps.portal.status_filter import with_status
from apps.portal.view_tabs import ListView


def _unbinding(eni: Eni) -> list[str]:
    name = eni.vm.name if eni.vm else ""
    return [
        _("The guest of %(name)s loses the NIC and its connections.") % {"name": name},
        _("The elastic NIC keeps its address. You can bind it again."),
    ]


def _goes(eni: Eni) -> list[str]:
    if not eni.address:
        return [_("The elastic NIC has no address.")]
    return [_("You lose the address %(address)s.") % {"address": each} for each in eni.addresses]


ENI = PageKind(
    "eni",
    "enis",
    one=gettext_lazy("elastic NIC"),
    many=gettext_lazy("Elastic NICs"),
    icon="topology-star-3",
    help="networks#elastic-nics",
    visible=visible_enis,
    beside=lambda eni: ", ".join(eni.addresses),
    create=ENI_CREATE,
    copies=True,
    actions=(
        Do(ENI_RETRY),
        Do(ENI_UNBIND, form=UnbindEniForm, says=_unbinding, bulk=True),
        Do(ENI_SET_SECURITY_GROUP, form=EniGroupForm, bulk=True),
        Do(ENI_SET_BANDWIDTH, form=EniBandwidthForm, bulk=True, also=gettext_lazy("QoS")),
        Do(ENI_RENAME, form=LabelsForm),
        Do(ENI_DELETE, says=_goes, typed_name=True),
    ),
)


def speed_text(mbit: int) -> str:
    """Return a bandwidth as people read it."""
    return f"{mbit:,}" if mbit else _("unlimited")


def limits_text(nic: Nic) -> str:
    """Return what a NIC may receive and send, as people read it."""
    if not (nic.mbit_in or nic.mbit_out):
        return _("unlimited")
    values = {"inbound": speed_text(nic.mbit_in), "outbound": speed_text(nic.mbit_out)}
    return _("in %(inbound)s, out %(outbound)s Mbit/s") % values


def role_text(row: Eni) -> str:
    """Return whether it is internal or external."""
    return str((NicRole.EXTERNAL if row.is_external else NicRole.INTERNAL).label)


def _network(row: Eni) -> Resource | None:
    return row.segment if row.segment is not None else row.nic.subnet


def named_link(row: Resource | None, page: ListPage | DetailPage) -> object:
    """Return the name of a resource, linked for who may open it; "" for none."""
    return link(neighbour_url(page.rights, page.area, row), row.name) if row is not None else ""


class EniList(ListPage):
    of = ENI
    columns = (
        NAME,
        STATE,
        Column(
            "address",
            gettext_lazy("IP address"),
            lambda row, page: copyable(", ".join(row.addresses)) if row.addresses else "",
            sort=ENI_ADDRESS,
            width="long",
            brief=True,
            kept=True,
            text=lambda row, page: ", ".join(row.addresses),
        ),
        Column(
            "vm",
            gettext_lazy("Virtual machine"),
            lambda row, page: named_link(row.shown_vm, page),
            sort="vm__name",
            filter="vm_name",
            brief=True,
            text=lambda row, page: row.shown_vm.name if row.shown_vm else "",
        ),
        Column(
            "role",
            gettext_lazy("Type"),
            lambda row, page: role_text(row),
            sort=IS_EXTERNAL,
            facet=choice_facet("role", gettext_lazy("Type"), lambda page: NicRole.choices[:2]),
        ),
        Column(
            "network",
            gettext_lazy("Network"),
            lambda row, page: named_link(_network(row), page),
            sort=ENI_NETWORK,
            text=lambda row, page: (found := _network(row)) and found.name,
        ),
        Column(
            "security_group",
            gettext_lazy("Security group"),
            lambda row, page: named_link(row.nic.security_group, page),
            sort="nics__security_group__name",
            text=lambda row, page: row.nic.security_group.name if row.nic.security_group else "",
        ),
        Column(
            "mac",
            gettext_lazy("MAC"),
            lambda row, page: copyable(row.nic.mac),
            sort="nics__mac",
            width="code",
            hidden=True,
            text=lambda row, page: row.nic.mac,
        ),
        TENANT,
        PROJECT,
        REGION,
        CREATED,
        UPDATED,
        ID,
        DESCRIPTION,
    )
    filter = with_status(EniFilter, Eni, "eni")
    facets = (
        status_facet,
        choice_facet("role", gettext_lazy("Type"), lambda page: NicRole.choices[:2]),
        tenant_facet,
        project_facet,
        region_facet,
    )
    views = (ListView("free", gettext_lazy("Unbound"), "bound=false"),)
    more_filters = ("bound", "subnet", "vpc", "segment", "security_group")
    row_actions = ("bind", "unbind")
    search_hint = gettext_lazy("Name, ID, address or MAC")
    empty = Empty(
        gettext_lazy("No elastic NICs yet"),
        gettext_lazy("An elastic NIC connects a VM to an additional network. You can move it to another VM."),
    )
