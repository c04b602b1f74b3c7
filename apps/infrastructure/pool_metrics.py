"""What is measured of storage clusters, for their charts."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID, uuid5

from apps.drivers.specs import PoolObservation
from apps.infrastructure.models import StorageCluster
from apps.metrics.store import Sample, Subject

KIND = "storage_cluster"
#: Subjects of metrics have UUIDs, clusters have numbers.
_NAMESPACE = UUID("6f3a5a3e-6d53-5d0c-9d0a-0f4c7f1f6a52")


def subject_of(key: object) -> Subject:
    """Return the subject of the metrics of the cluster with this primary key."""
    return Subject(KIND, str(uuid5(_NAMESPACE, f"{KIND}/{key}")))


def pool_sample(cluster: StorageCluster, seen: PoolObservation, at: datetime) -> Sample:
    """Return what was seen of a cluster as a sample."""
    values: dict[str, float] = {"disk_used_bytes": seen.used_bytes, "disk_total_bytes": seen.capacity_bytes}
    if health := seen.health:
        values |= {
            "raw_used_bytes": health.raw_used_bytes,
            "raw_total_bytes": health.raw_capacity_bytes,
            "rebuild_bytes_per_second": health.rebuild_bytes_per_second,
        }
    return Sample(subject_of(cluster.pk), at, values)
