"""Elastic NICs: their list and details."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.lifecycle.models import Resource
from apps.network.eni_forms import EniBandwidthForm, EniGroupForm, UnbindEniForm
from apps.network.filters import EniFilter
from apps.network.models import Eni, ExternalSegment, NicRole, SecurityGroup, Subnet, Vpc
from apps.network.pages.eips import routes_text
from apps.network.selectors import visible_enis
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
from apps.portal.dependencies import Related
from apps.portal.detail import ACTIVITY, OVERVIEW, DetailPage, Properties, Property
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
    return [_("You lose the address %(address)s.") % {"address": eni.address}]


ENI = PageKind(
    "eni",
    "enis",
    one=gettext_lazy("elastic NIC"),
    many=gettext_lazy("Elastic NICs"),
    icon="plug-connected",
    help="networks#elastic-nics",
    visible=visible_enis,
    beside=lambda eni: eni.address,
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


def role_text(row: Eni) -> str:
    """Return whether it is internal or external."""
    return str((NicRole.EXTERNAL if row.is_external else NicRole.INTERNAL).label)


def _network(row: Eni) -> Resource | None:
    return row.segment if row.segment is not None else row.nic.subnet


def _link(row: Resource | None, page: ListPage | DetailPage) -> object:
    return link(neighbour_url(page.rights, page.area, row), row.name) if row is not None else ""


class EniList(ListPage):
    of = ENI
    columns = (
        NAME,
        STATE,
        Column(
            "address",
            gettext_lazy("IP address"),
            lambda row, page: copyable(row.address) if row.address else "",
            width="code",
            wide=False,
            text=lambda row, page: row.address,
        ),
        Column(
            "vm",
            gettext_lazy("Virtual machine"),
            lambda row, page: _link(row.shown_vm, page),
            sort="vm__name",
            filter="vm_name",
            brief=True,
            text=lambda row, page: row.shown_vm.name if row.shown_vm else "",
        ),
        Column(
            "role",
            gettext_lazy("Type"),
            lambda row, page: role_text(row),
            facet=choice_facet("role", gettext_lazy("Type"), lambda page: NicRole.choices[:2]),
        ),
        Column(
            "network",
            gettext_lazy("Network"),
            lambda row, page: _link(_network(row), page),
            text=lambda row, page: (found := _network(row)) and found.name,
        ),
        Column(
            "security_group",
            gettext_lazy("Security group"),
            lambda row, page: _link(row.nic.security_group, page),
            text=lambda row, page: row.nic.security_group.name if row.nic.security_group else "",
        ),
        Column(
            "mac",
            gettext_lazy("MAC"),
            lambda row, page: copyable(row.nic.mac),
            width="code",
            filter="mac",
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
    more_filters = ("bound", "subnet", "vpc", "segment", "security_group", "vm")
    row_actions = ("bind", "unbind")
    search_hint = gettext_lazy("Name, ID, address or MAC")
    empty = Empty(
        gettext_lazy("No elastic NICs yet"),
        gettext_lazy("An elastic NIC connects a VM to a further network, and can be moved to another VM."),
    )


class EniDetail(DetailPage):
    of = ENI
    primary = ("retry", "bind", "unbind", "set_security_group")
    tabs = (OVERVIEW, ACTIVITY)

    def facts(self, row: Eni) -> Sequence[Property]:
        """Its address, and where it is."""
        facts = [Property(_("IP address"), row.address, copy=bool(row.address))]
        if row.shown_vm is not None:
            facts.append(Property(_("Virtual machine"), _link(row.shown_vm, self)))
        return facts

    def properties(self, row: Any) -> Sequence[Properties]:
        """The address and where it is, and what it may do."""
        nic, segment = row.nic, row.segment
        if segment is not None:
            place = [
                Property(_("External segment"), _link(segment, self)),
                Property(_("Gateway"), str(segment.gateway)),
                Property(_("Routes"), routes_text(segment)),
            ]
        else:
            place = [
                Property(_("VPC"), _link(nic.subnet.vpc, self)),
                Property(_("Subnet"), _link(nic.subnet, self)),
                Property(_("Gateway"), str(nic.subnet.gateway)),
            ]
        return [
            Properties(
                _("Address"),
                [
                    Property(_("Type"), role_text(row)),
                    Property(_("IP address"), row.address, copy=bool(row.address)),
                    Property(_("MAC"), nic.mac, copy=True),
                    *place,
                ],
            ),
            Properties(
                _("Connection"),
                [
                    Property(_("Virtual machine"), _link(row.shown_vm, self)),
                    Property(
                        _("Security group"),
                        _link(nic.security_group, self) or _("none: all traffic is allowed"),
                    ),
                    Property(_("Inbound bandwidth (Mbit/s)"), speed_text(nic.mbit_in)),
                    Property(_("Outbound bandwidth (Mbit/s)"), speed_text(nic.mbit_out)),
                ],
            ),
        ]

    def uses(self, row: Eni) -> Sequence[Related]:
        """Where its address is from, and what filters it."""
        subnet = row.nic.subnet
        return [
            Related("external_segment", ExternalSegment.objects.filter(pk__in=[row.segment_id])),
            Related("subnet", Subnet.objects.filter(pk__in=[row.nic.subnet_id])),
            Related("vpc", Vpc.objects.filter(pk__in=[subnet.vpc_id] if subnet else [])),
            Related("security_group", SecurityGroup.objects.filter(pk__in=[row.nic.security_group_id])),
        ]

    def used_by(self, row: Eni) -> Sequence[Related]:
        """The VM that has it."""
        return [Related("vm", Resource.objects.filter(pk=row.vm_id))] if row.vm_id else []

    def watch(self, row: Eni) -> Sequence[str]:
        """The VM that has it."""
        return [f"vm:{row.vm_id}"] if row.vm_id else []
