"""The physical side: regions, compute clusters, storage clusters, hosts."""

from apps.infrastructure.models.cluster import Cluster, ComputeCluster
from apps.infrastructure.models.host import (
    SILENCE,
    Certainty,
    Collection,
    Failure,
    Host,
    HostController,
    Liveness,
)
from apps.infrastructure.models.pool_key import GivenPoolKey
from apps.infrastructure.models.region import Region
from apps.infrastructure.models.rolling_maintenance import RollingMaintenance
from apps.infrastructure.models.storage_cluster import StorageCluster

__all__ = [
    "SILENCE",
    "Certainty",
    "Cluster",
    "Collection",
    "ComputeCluster",
    "Failure",
    "GivenPoolKey",
    "Host",
    "HostController",
    "Liveness",
    "Region",
    "RollingMaintenance",
    "StorageCluster",
]
