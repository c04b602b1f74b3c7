"""Compute clusters."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.infrastructure import services
from apps.infrastructure.filters import ClusterFilter
from apps.infrastructure.models import ComputeCluster, Host, Region
from apps.infrastructure.pages.cluster_parts import (
    NAME,
    OPEN_TO,
    ChangeForm,
    NewClusterForm,
    PermitForm,
    change,
    goes,
    permission,
)
from apps.infrastructure.pages.figures import memory_bar, vcpu_bar
from apps.infrastructure.selectors import cluster_warnings, visible_compute_clusters, with_load
from apps.infrastructure.verbs import CLUSTER_CHANGE, CLUSTER_CREATE, CLUSTER_DELETE, CLUSTER_PERMIT
from apps.portal.columns import CREATED, REGION, Column
from apps.portal.create import CreatePage
from apps.portal.dependencies import Related
from apps.portal.detail import OVERVIEW, DetailPage, Properties, Property, Tab
from apps.portal.kinds import Do, PageKind
from apps.portal.lists import Empty, ListPage


class NewComputeClusterForm(NewClusterForm):
    architecture = forms.ChoiceField(
        label=gettext_lazy("CPU architecture"), choices=ComputeCluster.Architecture.choices
    )
    cpu_overcommit = forms.DecimalField(
        label=gettext_lazy("vCPUs per CPU thread"), min_value=1, max_value=64, decimal_places=1, initial=4
    )


class ChangeComputeForm(ChangeForm):
    cpu_overcommit = forms.DecimalField(
        label=gettext_lazy("vCPUs per CPU thread"), min_value=1, max_value=64, decimal_places=1
    )


COMPUTE_CLUSTER = PageKind(
    "compute_cluster",
    "compute-clusters",
    one=gettext_lazy("compute cluster"),
    many=gettext_lazy("Compute clusters"),
    icon="stack-2",
    visible=lambda actor: with_load(visible_compute_clusters(actor)),
    create=CLUSTER_CREATE,
    actions=(
        Do(CLUSTER_CHANGE, change, form=ChangeComputeForm),
        Do(CLUSTER_PERMIT, services.permit, form=PermitForm),
        Do(CLUSTER_DELETE, services.delete_cluster, says=goes, typed_name=True),
    ),
    converter="int",
)


def _hosts(row: Any, page: ListPage) -> str:
    return _("%(healthy)s of %(all)s") % {"healthy": row.healthy_count, "all": row.host_count}


class ComputeClusterList(ListPage):
    of = COMPUTE_CLUSTER
    columns = (
        NAME,
        REGION,
        Column("arch", gettext_lazy("CPUs"), lambda row, page: row.get_architecture_display()),
        Column("hosts", gettext_lazy("Healthy hosts"), _hosts, end=True),
        Column(
            "vcpu",
            gettext_lazy("vCPUs promised"),
            lambda row, page: vcpu_bar(row),
        ),
        Column(
            "memory",
            gettext_lazy("Memory promised"),
            lambda row, page: memory_bar(row),
        ),
        OPEN_TO,
        CREATED,
    )
    filter = ClusterFilter
    facets = ()
    related = ("region",)
    order = ("region__name", "name")
    empty = Empty(gettext_lazy("No compute clusters yet"), gettext_lazy("Hosts of one kind form a cluster."))


def _hosts_of(page: DetailPage, row: ComputeCluster) -> dict[str, Any]:
    return {"hosts": Host.objects.filter(cluster=row).select_related("cluster").order_by("name")}


class ComputeClusterDetail(DetailPage):
    of = COMPUTE_CLUSTER
    tabs = (OVERVIEW, Tab("hosts", gettext_lazy("Hosts"), "infrastructure/cluster_hosts.html", _hosts_of))

    def properties(self, row: Any) -> Sequence[Properties]:
        """What it is and how full."""
        warnings = [Property(_("Warning"), text) for text in cluster_warnings(row)]
        return [
            Properties(
                _("Cluster"),
                [
                    *warnings,
                    Property(_("Name"), row.name),
                    Property(_("Alias"), row.alias),
                    Property(_("Region"), row.region.label),
                    Property(_("CPU architecture"), row.get_architecture_display()),
                    Property(_("vCPUs per CPU thread"), row.cpu_overcommit),
                ],
            ),
            Properties(
                _("Capacity"),
                [
                    Property(_("Healthy hosts"), f"{row.healthy_count} / {row.host_count}"),
                    Property(_("vCPUs promised"), f"{row.vcpu_reserved} / {row.vcpu_capacity}"),
                    Property(
                        _("Memory promised"),
                        f"{row.memory_reserved_mib / 1024:.3g} / {row.memory_capacity_mib / 1024:.3g} GiB",
                    ),
                ],
            ),
            permission(row),
        ]

    def uses(self, row: Any) -> Sequence[Related]:
        """Where it is."""
        return [Related("region", Region.objects.filter(pk=row.region_id))]

    def used_by(self, row: Any) -> Sequence[Related]:
        """Its hosts, what runs on them, and the sizes offered: it cannot be deleted while there are any."""
        return [
            Related("host", row.hosts.all(), f"cluster={row.pk}"),
            Related("vm", row.vms.all(), f"cluster={row.pk}"),
            Related("instance_type", row.instance_types.all(), f"cluster={row.pk}"),
        ]


class ComputeClusterCreate(CreatePage):
    of = COMPUTE_CLUSTER
    form = NewComputeClusterForm

    def submit(self, data: dict[str, Any]) -> ComputeCluster:
        """Create it."""
        return services.create_compute_cluster(self.actor, **data)
