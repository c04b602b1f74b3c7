"""How fast a disk may be, so that one VM cannot starve its neighbours (VM-2). Its storage cluster sets the rule."""

from __future__ import annotations

from apps.infrastructure.disk_speed import speed_rule
from apps.infrastructure.models import StorageCluster


def disk_limits(cluster: StorageCluster, size_gib: int) -> tuple[int, int]:
    """Return (operations per second, bytes per second) of a disk of that size in the cluster."""
    return speed_rule(cluster).limits(size_gib)
