"""Instance types, in the administration."""

from __future__ import annotations

from collections.abc import Sequence

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.compute import selectors
from apps.compute.api.instance_types import InstanceTypeApi
from apps.compute.filters import InstanceTypeFilter
from apps.compute.forms import InstanceTypeForm
from apps.compute.models import InstanceType, Vm
from apps.compute.verbs import INSTANCE_TYPE_CREATE, INSTANCE_TYPE_DELETE
from apps.infrastructure.models import ComputeCluster
from apps.portal.columns import NAME, Column
from apps.portal.create import CreatePage
from apps.portal.dependencies import Related
from apps.portal.detail import OVERVIEW, DetailPage, Properties, Property
from apps.portal.facets import choice_facet, region_facet
from apps.portal.kinds import Do, PageKind
from apps.portal.lists import Empty, ListPage


def _goes(row: InstanceType) -> list[str]:
    return [_("New VMs can no longer use this size. Existing VMs keep it.")]


INSTANCE_TYPE = PageKind(
    "instance_type",
    "instance-types",
    one=gettext_lazy("instance type"),
    many=gettext_lazy("Instance types"),
    icon="cpu",
    help="administration#instance-types",
    visible=selectors.visible_types,
    create=INSTANCE_TYPE_CREATE,
    actions=(Do(INSTANCE_TYPE_DELETE, says=_goes),),
    converter="int",
)


class InstanceTypeList(ListPage):
    of = INSTANCE_TYPE
    columns = (
        NAME,
        Column("vcpu", gettext_lazy("vCPUs"), lambda row, page: row.vcpu, sort="vcpu", end=True),
        Column(
            "memory",
            gettext_lazy("Memory (GiB)"),
            lambda row, page: row.memory_gib,
            sort="memory_gib",
            end=True,
        ),
        Column("cluster", gettext_lazy("Cluster"), lambda row, page: row.cluster, sort="cluster__name"),
        Column(
            "region",
            gettext_lazy("Region"),
            lambda row, page: row.cluster.region.label,
            sort="cluster__region__name",
            facet=region_facet,
        ),
    )
    filter = InstanceTypeFilter
    facets = (
        choice_facet(
            "cluster",
            gettext_lazy("Cluster"),
            lambda page: [(cluster.pk, str(cluster)) for cluster in ComputeCluster.objects.all()],
        ),
    )
    related = ()
    order = ("cluster__name", "vcpu", "memory_gib")
    empty = Empty(
        gettext_lazy("No instance types yet"),
        gettext_lazy("New clusters come with the usual instance types."),
    )


class InstanceTypeDetail(DetailPage):
    of = INSTANCE_TYPE
    tabs = (OVERVIEW,)

    def properties(self, row: InstanceType) -> Sequence[Properties]:
        """Its size and where it is offered."""
        return [
            Properties(
                _("Instance type"),
                [
                    Property(_("vCPUs"), row.vcpu),
                    Property(_("Memory"), f"{row.memory_gib} GiB"),
                    Property(_("Cluster"), str(row.cluster)),
                    Property(_("Region"), row.cluster.region.label),
                ],
            )
        ]

    def uses(self, row: InstanceType) -> Sequence[Related]:
        """Where it is offered."""
        return [Related("compute_cluster", ComputeCluster.objects.filter(pk=row.cluster_id))]

    def used_by(self, row: InstanceType) -> Sequence[Related]:
        """Machines of this size."""
        return [Related("vm", Vm.objects.filter(instance_type=row))]


class InstanceTypeCreate(CreatePage):
    of = INSTANCE_TYPE
    form = InstanceTypeForm
    api = InstanceTypeApi
