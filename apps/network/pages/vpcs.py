"""VPCs in the portals."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.lifecycle.models import Resource
from apps.lifecycle.selectors import with_open_operations
from apps.network import selectors
from apps.network.api.vpcs import VpcsApi
from apps.network.filters import VpcFilter
from apps.network.forms import VpcForm
from apps.network.models import Nic, Subnet, Vpc
from apps.network.pages.vpc_topology import topology
from apps.network.topology import watched_kinds
from apps.network.verbs import SUBNET_CREATE, VPC_CREATE, VPC_DELETE, VPC_RENAME, VPC_RETRY
from apps.portal import html
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
from apps.portal.detail import ACTIVITY, OVERVIEW, DetailPage, Properties, Property, Tab
from apps.portal.forms import LabelsForm
from apps.portal.kinds import Do, PageKind
from apps.portal.lists import Empty, ListPage
from apps.portal.status_filter import with_status


def _what_goes(vpc: Vpc) -> list[str]:
    return [
        _("Network %(cidr)s is deleted. Its history stays in the operation log.") % {"cidr": vpc.cidr},
        _("Its subnets must be deleted first."),
    ]


VPC = PageKind(
    "vpc",
    "vpcs",
    one=gettext_lazy("VPC"),
    many=gettext_lazy("VPCs"),
    icon="network",
    help="networks#vpcs",
    visible=selectors.visible_vpcs,
    beside=lambda row: row.cidr,
    create=VPC_CREATE,
    actions=(Do(VPC_RETRY), Do(VPC_RENAME, form=LabelsForm), Do(VPC_DELETE, says=_what_goes)),
)


class VpcList(ListPage):
    of = VPC
    columns = (
        NAME,
        STATE,
        Column(
            "cidr",
            gettext_lazy("CIDR block"),
            lambda row, page: html.copyable(row.cidr),
            sort="cidr",
            width="address",
            brief=True,
            text=lambda row, page: str(row.cidr),
        ),
        Column(
            "subnets",
            gettext_lazy("Subnets"),
            lambda row, page: row.subnet_count,
            sort="subnet_count",
            end=True,
        ),
        Column(
            "vni", gettext_lazy("Identifier"), lambda row, page: row.vni, sort="vni", end=True, admin=True
        ),
        TENANT,
        PROJECT,
        REGION,
        CREATED,
        UPDATED,
        ID,
        DESCRIPTION,
    )
    filter = with_status(VpcFilter, Vpc, "vpc")
    watch = ("subnet",)
    search_hint = gettext_lazy("Name, ID or address")
    empty = Empty(
        gettext_lazy("No VPCs yet"),
        gettext_lazy(
            "A VPC is your private network. Its VMs reach each other; other networks cannot reach them."
        ),
    )


def _subnets(page: DetailPage, vpc: Vpc) -> dict[str, Any]:
    subnets = with_open_operations(selectors.visible_subnets(page.actor).filter(vpc=vpc))
    may_create = page.rights.covers(SUBNET_CREATE, vpc.project_id, vpc.tenant_id)
    return {
        "subnets": subnets.order_by("cidr"),
        "may_create": may_create and not page.admin,
        "check_url": f"{page.area}:reachability",
    }


class VpcDetail(DetailPage):
    template_name = "network/vpc.html"
    of = VPC
    primary = ("retry", "rename")
    tabs = (
        OVERVIEW,
        Tab("subnets", gettext_lazy("Subnets"), "network/vpc_subnets.html", _subnets),
        Tab("topology", gettext_lazy("Topology"), "network/vpc_topology.html", topology),
        ACTIVITY,
    )

    def facts(self, row: Any) -> Sequence[Property]:
        """The block."""
        return [Property(_("CIDR block"), row.cidr, copy=True)]

    def properties(self, row: Any) -> Sequence[Properties]:
        """What it is, and how much is in it."""
        return [
            Properties(
                _("Network"),
                [
                    Property(_("CIDR block"), row.cidr, copy=True),
                    Property(_("Addresses"), f"{row.cidr.num_addresses:,}"),
                    Property(
                        _("Subnets"),
                        html.link(self.of.url(self.area, "tab.subnets", row), row.subnet_count),
                    ),
                    Property(_("VNI"), row.vni),
                ],
            )
        ]

    def used_by(self, row: Any) -> Sequence[Related]:
        """Its subnets, and the machines and elastic NICs in them."""
        owners = Nic.objects.filter(subnet__vpc=row).values("owner")
        return [
            Related("subnet", Subnet.objects.filter(vpc=row), f"vpc={row.pk}"),
            Related("vm", Resource.objects.filter(kind="vm", pk__in=owners), f"vpc={row.pk}"),
            Related("eni", Resource.objects.filter(kind="eni", pk__in=owners), f"vpc={row.pk}"),
        ]

    def watch(self, row: Any) -> Sequence[str]:
        """Its subnets, and what is in them; on the tab with the picture also what else is drawn."""
        return ["subnet", "vm", "eni", *(watched_kinds() if self.tab == "topology" else ())]


class VpcCreate(CreatePage):
    of = VPC
    form = VpcForm
    api = VpcsApi
    sections = (
        Section(gettext_lazy("Basics"), ("name", "description", "project", "region")),
        Section(
            gettext_lazy("Addresses"),
            ("cidr", "subnet_cidr"),
            text=gettext_lazy("The CIDR block cannot be changed later. Other VPCs may use the same one."),
        ),
    )
