"""/api/v1/storage-clusters"""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet

from apps.api.declarations import Action, Create, Update
from apps.api.metrics import MetricsApi
from apps.api.views import ObjectApi
from apps.infrastructure.api.clusters import (
    PermitBody,
    change,
    permit,
    region_named,
)
from apps.infrastructure.api.storage_cluster_fields import (
    PoolKeyBody,
    SpeedBody,
    StorageClusterBody,
    StorageClusterChanges,
    StorageClusterOut,
)
from apps.infrastructure.cluster_status import pool_order
from apps.infrastructure.filters import StorageClusterFilter
from apps.infrastructure.models import StorageCluster
from apps.infrastructure.pool_metrics import KIND, subject_of
from apps.infrastructure.selectors import visible_storage_clusters
from apps.infrastructure.services import storage_clusters
from apps.infrastructure.verbs import (
    CLUSTER_CHANGE,
    CLUSTER_CREATE,
    CLUSTER_DELETE,
    CLUSTER_PERMIT,
    STORAGE_APPLY_SPEED,
    STORAGE_CLOSE,
    STORAGE_OPEN,
    STORAGE_SET_KEY,
    STORAGE_SET_SPEED,
    STORAGE_TEST,
)
from apps.lifecycle.actor import Actor
from apps.metrics.store import Subject


def _create(actor: Actor, *, region: str, **body: Any) -> StorageCluster:
    return storage_clusters.create_storage_cluster(actor, region_named(region), **body)


def _set_speed(actor: Actor, cluster: StorageCluster, **body: Any) -> StorageCluster:
    storage_clusters.set_speed(actor, cluster, **body)
    return cluster


class StorageClusterApi(ObjectApi):
    """Storage clusters: pools of disks and images, shared by all hosts of the region."""

    model = StorageCluster
    out = StorageClusterOut
    converter = "int"
    filterset_class = StorageClusterFilter
    sorts = {"name": "name", "status": pool_order()}
    create = Create(CLUSTER_CREATE, StorageClusterBody, _create, immediate=True)
    update = Update(CLUSTER_CHANGE, StorageClusterChanges, change, immediate=True)
    delete = Action(CLUSTER_DELETE, immediate=True)
    actions = (
        Action(CLUSTER_PERMIT, PermitBody, permit, immediate=True),
        Action(STORAGE_TEST, immediate=True),
        Action(STORAGE_SET_KEY, PoolKeyBody, immediate=True, bulk=False),
        Action(STORAGE_SET_SPEED, SpeedBody, _set_speed, immediate=True),
        Action(STORAGE_APPLY_SPEED, immediate=True),
        Action(STORAGE_OPEN, immediate=True),
        Action(STORAGE_CLOSE, immediate=True),
    )

    def visible(self, actor: Actor) -> QuerySet[StorageCluster]:
        """Return the clusters the actor may see."""
        return visible_storage_clusters(actor).prefetch_related("tenants")


class StorageClusterMetrics(MetricsApi):
    subject = KIND

    def visible(self, actor: Actor) -> QuerySet[StorageCluster]:
        """Return the clusters, for an admin as such."""
        everywhere = actor.is_system or (actor.is_admin and actor.tenant is None)
        return StorageCluster.objects.all() if everywhere else StorageCluster.objects.none()

    def subject_of(self, key: object) -> Subject:
        """Return what is measured of the cluster."""
        return subject_of(key)
