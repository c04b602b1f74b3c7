"""The physical side: regions, compute clusters, storage clusters, hosts."""

from apps.infrastructure.models.cluster import Cluster, ComputeCluster
from apps.infrastructure.models.host import SILENCE, Collection, Host
from apps.infrastructure.models.pool_key import GivenPoolKey
from apps.infrastructure.models.region import Region
from apps.infrastructure.models.storage_cluster import StorageCluster

__all__ = [
    "SILENCE",
    "Cluster",
    "Collection",
    "ComputeCluster",
    "GivenPoolKey",
    "Host",
    "Region",
    "StorageCluster",
]
