"""/api/v1/compute-clusters, and what storage clusters have in common with them"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db.models import Prefetch, QuerySet
from django.utils.translation import gettext as _
from rest_framework import serializers

from apps.accounts.models import Tenant
from apps.accounts.rights import Rights
from apps.api import limits
from apps.api.bodies import LineField
from apps.api.declarations import Action, Create, Update
from apps.api.metrics import MetricsApi
from apps.api.representation import Out, ReferenceOut, moment
from apps.api.views import ObjectApi
from apps.api.vocabulary import one_of
from apps.infrastructure.cluster_status import (
    ClusterStatus,
    cluster_order,
    status_of_cluster,
    with_hosts,
)
from apps.infrastructure.filters import ComputeClusterFilter
from apps.infrastructure.models import Cluster, ComputeCluster, Host, Region, RollingMaintenance
from apps.infrastructure.selectors import sees_hosts, visible_compute_clusters
from apps.infrastructure.services import clusters
from apps.infrastructure.survival import MOST_SPARE_HOSTS
from apps.infrastructure.verbs import (
    CLUSTER_CHANGE,
    CLUSTER_CREATE,
    CLUSTER_DELETE,
    CLUSTER_END_ROLLING,
    CLUSTER_PERMIT,
    CLUSTER_ROLL_ON,
    CLUSTER_START_ROLLING,
)
from apps.lifecycle.actor import Actor
from apps.lifecycle.errors import Invalid
from apps.metrics.store import Subject


class NewCluster(serializers.Serializer[Any]):
    region = serializers.SlugField(max_length=32, help_text="Name of the region.")
    name = LineField(
        max_length=63,
        required=False,
        allow_blank=True,
        default="",
        help_text="By default named after its type.",
    )


class ComputeClusterBody(NewCluster):
    architecture = serializers.ChoiceField(
        choices=ComputeCluster.Architecture.choices, default=ComputeCluster.Architecture.X86
    )
    cpu_overcommit = serializers.DecimalField(
        max_digits=4,
        decimal_places=1,
        min_value=1,
        max_value=64,
        default=Decimal(4),
        help_text="vCPUs per CPU thread.",
    )


class ClusterChanges(serializers.Serializer[Any]):
    name = LineField(max_length=63)
    alias = LineField(max_length=63, allow_blank=True)


class ComputeClusterChanges(ClusterChanges):
    cpu_overcommit = serializers.DecimalField(max_digits=4, decimal_places=1, min_value=1, max_value=64)

    failover = serializers.BooleanField(
        help_text="Whether hosts suspected dead are powered off and their VMs started elsewhere automatically."
    )
    spare_hosts = serializers.IntegerField(
        min_value=0,
        max_value=MOST_SPARE_HOSTS,
        help_text="Number of hosts that may fail. New VMs leave that capacity free. 0: none is reserved.",
    )


class PermitBody(serializers.Serializer[Any]):
    open_to_all = serializers.BooleanField()
    tenants = serializers.ListField(
        child=serializers.UUIDField(),
        max_length=limits.ITEMS,
        required=False,
        default=list,
        help_text="Tenants with access if not open to all.",
    )


class ClusterOut(Out):
    id = serializers.CharField()
    name = serializers.CharField()
    alias = serializers.CharField()
    region = ReferenceOut()
    open_to_all = serializers.BooleanField()
    tenants = ReferenceOut(
        many=True, help_text="Tenants with access; for administrators only, otherwise empty."
    )
    created_at = serializers.DateTimeField()

    @staticmethod
    def own(row: Any) -> dict[str, Any]:
        """Return what both kinds of cluster have."""
        return {
            "id": str(row.pk),
            "name": row.name,
            "alias": row.alias,
            "region": {"id": row.region.name, "name": row.region.label},
            "open_to_all": row.open_to_all,
            "tenants": [{"id": str(tenant.uid), "name": tenant.name} for tenant in row.tenants.all()],
            "created_at": moment(row.created_at),
        }

    @classmethod
    def represent(cls, row: Any, rights: Rights) -> dict[str, Any]:
        """Return the cluster; who else may use it is no tenant's business."""
        values = super().represent(row, rights)
        return values if rights.everywhere else {**values, "tenants": []}


class ComputeClusterOut(ClusterOut):
    status = one_of(
        ClusterStatus.values, help_text="What its hosts are in; `empty`: no host has reported yet."
    )
    architecture = serializers.ChoiceField(choices=ComputeCluster.Architecture.choices)
    cpu_overcommit = serializers.FloatField()
    failover = serializers.BooleanField()
    spare_hosts = serializers.IntegerField()
    rolling_host = ReferenceOut(
        allow_null=True,
        help_text="Host that a rolling maintenance is at, for administrators; null if none is under way.",
    )

    @staticmethod
    def own(row: ComputeCluster) -> dict[str, Any]:
        """Return the cluster's values."""
        return {
            **ClusterOut.own(row),
            "status": str(status_of_cluster(row)),
            "architecture": row.architecture,
            "cpu_overcommit": float(row.cpu_overcommit),
            "failover": row.failover,
            "spare_hosts": row.spare_hosts,
            "rolling_host": _rolling_host(row),
        }

    @classmethod
    def represent(cls, row: Any, rights: Rights) -> dict[str, Any]:
        """Return the cluster; tenants know of no host."""
        values = super().represent(row, rights)
        return values if rights.everywhere else {**values, "rolling_host": None}


#: The rolling maintenance that is under way, if one is.
_ROLLING = Prefetch(
    "rolling_maintenances", RollingMaintenance.objects.filter(ended_at=None), to_attr="under_way"
)


def _rolling_host(row: ComputeCluster) -> dict[str, str] | None:
    """Return the host that a rolling maintenance is at; of a row that was not read for a list, by a query."""
    known = getattr(row, "under_way", None)
    rolling = (
        row.rolling_maintenances.filter(ended_at=None).first() if known is None else next(iter(known), None)
    )
    return {"id": str(rolling.host_id or ""), "name": rolling.host_name} if rolling else None


def region_named(name: str) -> Region:
    """Return the region. Raises Invalid (field "region")."""
    found = Region.objects.filter(name=name).first()
    if found is None:
        raise Invalid({"region": [_("Region not found.")]})
    return found


def tenants_with(uids: Sequence[UUID]) -> list[Tenant]:
    """Return the tenants. Raises Invalid (field "tenants")."""
    found = list(Tenant.objects.filter(uid__in=uids))
    if len(found) != len(set(uids)):
        raise Invalid({"tenants": [_("Tenant not found.")]})
    return found


def _create_compute(actor: Actor, *, region: str, **body: Any) -> ComputeCluster:
    return clusters.create_compute_cluster(actor, region_named(region), **body)


def change(actor: Actor, cluster: Cluster, **changes: Any) -> Cluster:
    """Change a cluster and return it as it is then."""
    clusters.change_cluster(actor, cluster, changes)
    cluster.refresh_from_db()
    return cluster


def permit(actor: Actor, cluster: Cluster, *, open_to_all: bool, tenants: Sequence[UUID]) -> Cluster:
    """Set who may use a cluster and return it as it is then."""
    clusters.permit(actor, cluster, open_to_all=open_to_all, tenants=tenants_with(tenants))
    cluster.refresh_from_db()
    return cluster


class ComputeClusterApi(ObjectApi):
    """Compute clusters: hosts of one architecture, between which VMs can migrate."""

    model = ComputeCluster
    out = ComputeClusterOut
    converter = "int"
    filterset_class = ComputeClusterFilter
    sorts = {"name": "name", "status": cluster_order()}
    create = Create(CLUSTER_CREATE, ComputeClusterBody, _create_compute, immediate=True)
    update = Update(CLUSTER_CHANGE, ComputeClusterChanges, change, immediate=True)
    delete = Action(CLUSTER_DELETE, immediate=True)
    actions = (
        Action(CLUSTER_PERMIT, PermitBody, permit, immediate=True),
        Action(CLUSTER_START_ROLLING, immediate=True, bulk=False),
        Action(CLUSTER_ROLL_ON, immediate=True, bulk=False),
        Action(CLUSTER_END_ROLLING, immediate=True, bulk=False),
    )

    def visible(self, actor: Actor) -> QuerySet[ComputeCluster]:
        """Return the clusters the actor may see."""
        return with_hosts(visible_compute_clusters(actor)).prefetch_related("tenants", _ROLLING)


class ComputeClusterMetrics(MetricsApi):
    subject = "compute_cluster"

    def visible(self, actor: Actor) -> QuerySet[ComputeCluster]:
        """Return the clusters to an admin as such: their load is that of all tenants."""
        clusters = ComputeCluster.objects.all()
        return clusters if sees_hosts(actor) else clusters.none()

    def subject_of(self, key: object) -> Subject:
        """All hosts of the cluster together."""
        hosts = Host.objects.filter(cluster=int(str(key))).values_list("pk", flat=True)
        return Subject(self.subject, str(key), tuple(str(pk) for pk in hosts))
