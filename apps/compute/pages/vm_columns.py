"""Columns of the list of VMs, most of them for who chooses them, and the views everybody has."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from django.db.models import QuerySet
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.compute import selectors, sorting
from apps.compute.models import PauseReason, Power, Vm
from apps.compute.vm_addresses import brief_ips, first_eip, own_ips
from apps.infrastructure.selectors import visible_compute_clusters, visible_hosts
from apps.network.selectors import visible_subnets, visible_vpcs
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
from apps.portal.facets import MOST_CHOICES, Choices, choice_facet
from apps.portal.kinds import resource_url
from apps.portal.lists import ListPage
from apps.portal.view_tabs import ListView

VIEWS = (
    ListView("running", gettext_lazy("Running"), "status=running"),
    ListView("attention", gettext_lazy("Needs attention"), "attention=true"),
)


def as_of(vm: Vm) -> datetime | None:
    """Return when a VM was last seen, if its host has been unreachable since."""
    return vm.host.last_report_at if vm.host is not None and not vm.host.in_reach else None


def size(row: Vm, page: object = None) -> str:
    """Return vCPUs and memory in words."""
    return _("%(vcpu)s vCPU · %(memory)s GiB") % {"vcpu": row.vcpu, "memory": row.memory_gib}


def _ips(row: Vm, page: ListPage) -> str:
    return ", ".join(row.shown_ips)


def _macs(row: Vm, page: ListPage) -> str:
    return ", ".join(nic.mac for nic in row.shown_nics)


def _copyable_ips(row: Vm, page: ListPage) -> object:
    """Return the VM's own addresses, and below them its EIPs in short."""
    own, eip = ", ".join(own_ips(row)), first_eip(row)
    below = format_html('<span class="row-description">{}</span>', eip) if eip else ""
    return format_html("{}{}", html.copyable(own), below) if own else eip


def _copyable_macs(row: Vm, page: ListPage) -> object:
    return html.copyable(_macs(row, page)) if row.shown_nics else ""


def _paused(row: Vm, page: ListPage) -> str:
    return str(PauseReason(row.pause_reason).label) if row.pause_reason else ""


def _host(row: Vm, page: ListPage) -> object:
    return row.host and html.link(resource_url(page.area, "host", row.host_id), row.host.name)


def _subnet_names(row: Vm, page: ListPage) -> str:
    return ", ".join(nic.subnet.name for nic in row.shown_nics if nic.subnet)


def _vpc_names(row: Vm, page: ListPage) -> str:
    return ", ".join(nic.subnet.vpc.name for nic in row.shown_nics if nic.subnet)


def _group_names(row: Vm, page: ListPage) -> str:
    names = (nic.security_group.name for nic in row.shown_nics if nic.security_group)
    return ", ".join(dict.fromkeys(names))  # often one for both NICs


def _with_creator(rows: QuerySet[Vm]) -> QuerySet[Vm]:
    return rows.annotate(created_by=sorting.CREATED_BY)


def _images(page: ListPage) -> Choices:
    rows = selectors.visible_images(page.actor).order_by("name").values_list("pk", "name")
    return rows[:MOST_CHOICES]


def _clusters(page: ListPage) -> Choices:
    return [(cluster.pk, str(cluster)) for cluster in visible_compute_clusters(page.actor)[:MOST_CHOICES]]


def _hosts(page: ListPage) -> Choices:
    return visible_hosts(page.actor).order_by("name").values_list("pk", "name")[:MOST_CHOICES]


def _subnets(page: ListPage) -> Choices:
    rows = visible_subnets(page.actor).order_by("name").values_list("pk", "name", "cidr")
    return [(pk, f"{name} ({cidr})") for pk, name, cidr in rows[:MOST_CHOICES]]


def _vpcs(page: ListPage) -> Choices:
    rows = visible_vpcs(page.actor).order_by("name").values_list("pk", "name", "cidr")
    return [(pk, f"{name} ({cidr})") for pk, name, cidr in rows[:MOST_CHOICES]]


COLUMNS = (
    NAME,
    # Within one stored state those that run stand together.
    replace(STATE, sort=("state", "power_seen", "pause_reason")),
    Column(
        "ip",
        gettext_lazy("IP address"),
        _copyable_ips,
        sort=sorting.IP,
        width="address",
        brief=True,
        in_brief=brief_ips,
        kept=True,
        text=_ips,
    ),
    Column(
        "size",
        gettext_lazy("Size"),
        size,
        sort=("vcpu", "memory_mib"),
        width="size",
        filter="vcpu",
        brief=True,
        kept=True,
    ),
    Column(
        "image",
        gettext_lazy("Image"),
        lambda row, page: row.image and row.image.name,
        sort="image__name",
        facet=choice_facet("image", gettext_lazy("Image"), _images),
    ),
    Column(
        "host",
        gettext_lazy("Host"),
        _host,
        sort="host__name",
        admin=True,
        width="short",
        kept=True,
        facet=choice_facet("host", gettext_lazy("Host"), _hosts),
        text=lambda row, page: row.host and row.host.name,
    ),
    TENANT,
    CREATED,
    replace(PROJECT, width="short", kept=True),
    Column("vcpu", gettext_lazy("vCPU"), lambda row, page: row.vcpu, sort="vcpu", end=True, hidden=True),
    Column(
        "memory",
        gettext_lazy("Memory (GiB)"),
        lambda row, page: row.memory_gib,
        sort="memory_mib",
        end=True,
        hidden=True,
    ),
    Column(
        "type",
        gettext_lazy("Instance type"),
        lambda row, page: row.instance_type and row.instance_type.name,
        sort="instance_type__name",
        hidden=True,
    ),
    Column(
        "power",
        gettext_lazy("Power"),
        lambda row, page: Power(row.power_seen).label,
        sort="power_seen",
        hidden=True,
        observed=True,
    ),
    Column(
        "paused",
        gettext_lazy("Paused"),
        _paused,
        sort="pause_reason",
        hidden=True,
        observed=True,
        facet=choice_facet("paused", gettext_lazy("Paused"), lambda page: PauseReason.choices),
    ),
    Column(
        "mac",
        gettext_lazy("MAC"),
        _copyable_macs,
        sort=sorting.MAC,
        width="address",
        hidden=True,
        text=_macs,
    ),
    Column(
        "vpc",
        gettext_lazy("VPC"),
        _vpc_names,
        sort=sorting.VPC,
        hidden=True,
        facet=choice_facet("vpc", gettext_lazy("VPC"), _vpcs),
    ),
    Column(
        "subnet",
        gettext_lazy("Subnet"),
        _subnet_names,
        sort=sorting.SUBNET,
        hidden=True,
        facet=choice_facet("subnet", gettext_lazy("Subnet"), _subnets),
    ),
    Column(
        "security_group",
        gettext_lazy("Security group"),
        _group_names,
        sort=sorting.SECURITY_GROUP,
        hidden=True,
    ),
    Column(
        "cluster",
        gettext_lazy("Cluster"),
        lambda row, page: str(row.cluster),
        sort="cluster__name",
        hidden=True,
        facet=choice_facet("cluster", gettext_lazy("Cluster"), _clusters),
    ),
    replace(REGION, hidden=True),
    Column(
        "hostname", gettext_lazy("Hostname"), lambda row, page: row.hostname, sort="hostname", hidden=True
    ),
    Column(
        "created_by",
        gettext_lazy("Created by"),
        lambda row, page: row.created_by,
        sort=sorting.CREATED_BY,
        hidden=True,
        prepare=_with_creator,
    ),
    UPDATED,
    ID,
    DESCRIPTION,
)
