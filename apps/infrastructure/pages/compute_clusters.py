"""Compute clusters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from apps.infrastructure.api.clusters import ComputeClusterApi
from apps.infrastructure.cluster_status import cluster_label, cluster_order
from apps.infrastructure.filters import LoadedClusterFilter
from apps.infrastructure.models import ComputeCluster
from apps.infrastructure.pages.cluster_parts import (
    NAME,
    OPEN_TO,
    STATUS,
    ChangeForm,
    NewClusterForm,
    PermitForm,
    change,
    goes,
    permission,
)
from apps.infrastructure.pages.cluster_tabs import TABS
from apps.infrastructure.pages.figures import memory_bar, vcpu_bar
from apps.infrastructure.pages.host_failure import survival_text
from apps.infrastructure.selectors import visible_compute_clusters, with_load
from apps.infrastructure.services import clusters
from apps.infrastructure.survival import MOST_SPARE_HOSTS, survival
from apps.infrastructure.verbs import CLUSTER_CHANGE, CLUSTER_CREATE, CLUSTER_DELETE, CLUSTER_PERMIT
from apps.portal.columns import CREATED, REGION, Column
from apps.portal.create import CreatePage
from apps.portal.detail import DetailPage, Properties, Property
from apps.portal.facets import status_facet
from apps.portal.html import pill
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
    failover = forms.BooleanField(
        label=gettext_lazy("Automatic failover"),
        required=False,
        help_text=gettext_lazy("Hosts suspected dead are powered off and their VMs started elsewhere."),
    )
    spare_hosts = forms.IntegerField(
        label=gettext_lazy("Hosts that may fail"),
        min_value=0,
        max_value=MOST_SPARE_HOSTS,
        required=False,
        help_text=gettext_lazy("New VMs leave the capacity of so many hosts free. 0: none is reserved."),
    )

    def clean_spare_hosts(self) -> int:
        """Reserve nothing where it was left empty."""
        return int(self.cleaned_data.get("spare_hosts") or 0)


COMPUTE_CLUSTER = PageKind(
    "compute_cluster",
    "compute-clusters",
    one=gettext_lazy("compute cluster"),
    many=gettext_lazy("Compute clusters"),
    icon="stack-2",
    help="administration#compute-clusters-and-hosts",
    visible=lambda actor: with_load(visible_compute_clusters(actor)),
    create=CLUSTER_CREATE,
    actions=(
        Do(CLUSTER_CHANGE, form=ChangeComputeForm, adapter=change),
        Do(CLUSTER_PERMIT, form=PermitForm),
        Do(CLUSTER_DELETE, says=goes, typed_name=True),
    ),
    converter="int",
)


def _word(row: Any, page: ListPage) -> object:
    return cluster_label(row).word


def _hosts(row: Any, page: ListPage) -> str:
    return _("%(healthy)s of %(all)s") % {"healthy": row.healthy_count, "all": row.host_count}


class ComputeClusterList(ListPage):
    of = COMPUTE_CLUSTER
    columns = (
        NAME,
        replace(STATUS, value=lambda row, page: pill(cluster_label(row)), text=_word, sort=cluster_order()),
        REGION,
        Column(
            "arch",
            gettext_lazy("CPUs"),
            lambda row, page: row.get_architecture_display(),
            sort="architecture",
        ),
        Column("hosts", gettext_lazy("Hosts"), _hosts, sort="healthy_count", end=True),
        Column(
            "vcpu",
            gettext_lazy("vCPUs allocated"),
            lambda row, page: vcpu_bar(row),
            width="bar",
            sort="vcpu_reserved",
            text=lambda row, page: row.vcpu_reserved,
        ),
        Column(
            "memory",
            gettext_lazy("Memory allocated"),
            lambda row, page: memory_bar(row),
            width="bar",
            sort="memory_reserved_mib",
            text=lambda row, page: row.memory_reserved_mib / 1024,
        ),
        OPEN_TO,
        CREATED,
    )
    filter = LoadedClusterFilter
    facets = (status_facet,)
    related = ("region",)
    order = ("region__name", "name")
    empty = Empty(
        gettext_lazy("No compute clusters yet"), gettext_lazy("Hosts of the same type form a cluster.")
    )


def _availability(row: Any) -> Properties:
    """Return what becomes of VMs when hosts fail."""
    found = survival(row)
    lost = ngettext("Survives the loss of %(n)s host", "Survives the loss of %(n)s hosts", found.lost)
    return Properties(
        _("Host failure"),
        [
            Property(lost % {"n": found.lost}, survival_text(found)),
            Property(_("Automatic failover"), _("enabled") if row.failover else _("disabled")),
            Property(_("Hosts that may fail"), row.spare_hosts or _("none reserved")),
        ],
    )


class ComputeClusterDetail(DetailPage):
    of = COMPUTE_CLUSTER
    template_name = "infrastructure/with_heat.html"
    tabs = TABS
    # Tabs of their own say what it has; naming the newest of 25,000 VMs here would double the page's time.
    has_context = False

    def facts(self, row: Any) -> Sequence[Property]:
        """Whether it works."""
        return [Property(_("State"), pill(cluster_label(row)))]

    def properties(self, row: Any) -> Sequence[Properties]:
        """What it is and how full."""
        return [
            Properties(
                _("Cluster"),
                [
                    Property(_("Name"), row.name),
                    Property(_("Alias"), row.alias),
                    Property(_("Region"), row.region.label),
                    Property(_("CPU architecture"), row.get_architecture_display()),
                    Property(_("vCPUs per CPU thread"), row.cpu_overcommit),
                ],
            ),
            _availability(row),
            permission(row),
        ]

    def watch(self, row: Any) -> Sequence[str]:
        """Hosts come, go and change; their load is pushed as the cluster's."""
        return ["host"]


class ComputeClusterCreate(CreatePage):
    of = COMPUTE_CLUSTER
    form = NewComputeClusterForm
    api = ComputeClusterApi

    def body(self, data: dict[str, Any]) -> dict[str, Any]:
        """The region by its name."""
        return {**data, "region": data["region"].name} if data.get("region") else data

    def submit(self, data: dict[str, Any]) -> ComputeCluster:
        """Create it."""
        return clusters.create_compute_cluster(self.actor, **data)
