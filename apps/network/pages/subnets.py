"""Subnets in the portals."""

from __future__ import annotations

from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.network import selectors
from apps.network.api.vpcs import SubnetsApi
from apps.network.filters import SubnetFilter
from apps.network.forms import SubnetForm, SubnetIpv6Form
from apps.network.models import Subnet
from apps.network.models.vpc import RESERVED_ADDRESSES
from apps.network.verbs import SUBNET_ADD_IPV6, SUBNET_CREATE, SUBNET_DELETE, SUBNET_RENAME, SUBNET_RETRY
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
from apps.portal.create import CreatePage
from apps.portal.facets import MOST_CHOICES, Choices, choice_facet
from apps.portal.forms import LabelsForm
from apps.portal.kinds import Do, PageKind, neighbour_url
from apps.portal.lists import Empty, ListPage
from apps.portal.status_filter import with_status


def _what_goes(subnet: Subnet) -> list[str]:
    return [_("Subnet %(cidr)s is deleted. It must be empty.") % {"cidr": subnet.cidr}]


def _gains_ipv6(subnet: Subnet) -> list[str]:
    return [
        _("New NICs of the subnet get an IPv6 address as well."),
        _("Existing NICs keep IPv4 only until you add IPv6 to their VM."),
    ]


def free_of_all(subnet: Subnet) -> SafeString:
    """Return "free of all", with a bar of those in use."""
    size = int(subnet.cidr.num_addresses) - RESERVED_ADDRESSES
    shown = _("%(free)s of %(size)s") % {"free": f"{subnet.free_addresses:,}", "size": f"{size:,}"}
    return format_html("{}{}", shown, html.meter(size - subnet.free_addresses, size, shown))


SUBNET = PageKind(
    "subnet",
    "subnets",
    one=gettext_lazy("subnet"),
    many=gettext_lazy("Subnets"),
    icon="hierarchy-2",
    help="networks#subnets",
    visible=selectors.visible_subnets,
    beside=lambda row: row.cidr,
    create=SUBNET_CREATE,
    actions=(
        Do(SUBNET_RETRY),
        Do(SUBNET_ADD_IPV6, form=SubnetIpv6Form, says=_gains_ipv6),
        Do(SUBNET_RENAME, form=LabelsForm),
        Do(SUBNET_DELETE, says=_what_goes),
    ),
)


def _vpcs(page: ListPage) -> Choices:
    vpcs = selectors.visible_vpcs(page.actor).order_by("name").values_list("pk", "name", "cidr")
    return [(pk, f"{name} ({cidr})") for pk, name, cidr in vpcs[:MOST_CHOICES]]


class SubnetList(ListPage):
    of = SUBNET
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
            "cidr6",
            gettext_lazy("IPv6 prefix"),
            lambda row, page: html.copyable(row.cidr6) if row.cidr6 else "",
            sort="cidr6",
            width="address",
            hidden=True,
            text=lambda row, page: str(row.cidr6 or ""),
        ),
        Column(
            "vpc",
            gettext_lazy("VPC"),
            lambda row, page: html.link(neighbour_url(page.rights, page.area, row.vpc), row.vpc.name),
            sort="vpc__name",
            facet=choice_facet("vpc", gettext_lazy("VPC"), _vpcs),
        ),
        Column(
            "free",
            gettext_lazy("Free addresses"),
            lambda row, page: free_of_all(row),
            sort=selectors.FREE_ADDRESSES,
            width="bar",
            text=lambda row, page: row.free_addresses,
        ),
        TENANT,
        PROJECT,
        REGION,
        CREATED,
        UPDATED,
        ID,
        DESCRIPTION,
    )
    filter = with_status(SubnetFilter, Subnet, "subnet")
    watch = ("vm",)
    search_hint = gettext_lazy("Name, ID or address")
    empty = Empty(
        gettext_lazy("No subnets yet"), gettext_lazy("VMs get their addresses from the subnets of a VPC.")
    )


class SubnetCreate(CreatePage):
    of = SUBNET
    form = SubnetForm
    api = SubnetsApi
