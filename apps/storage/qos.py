"""How fast a disk may be: by its storage cluster's rule, or as its tenant has set it within that (EV-6)."""

from __future__ import annotations

from dataclasses import dataclass

from apps.infrastructure.disk_speed import speed_rule
from apps.infrastructure.models import StorageCluster
from apps.storage.limits import disk_limits
from apps.storage.models import Disk

MIB = 1 << 20
#: With less, an operating system does not boot in time.
LEAST_IOPS, LEAST_MIB = 50, 1


@dataclass(frozen=True)
class Bounds:
    """What a tenant may set as the limits of a disk, in operations per second and MiB per second."""

    least_iops: int
    most_iops: int
    least_mib: int
    most_mib: int


def bounds(cluster: StorageCluster, size_gib: int) -> Bounds:
    """Return the bounds of a disk of that size: at most what the cluster's rule grants it."""
    iops, bytes_per_second = disk_limits(cluster, size_gib)
    most = max(bytes_per_second // MIB, LEAST_MIB)
    return Bounds(min(LEAST_IOPS, iops), iops, LEAST_MIB, most)


def effective_limits(disk: Disk) -> tuple[int, int]:
    """Return (operations per second, bytes per second) of a disk; its cluster must have been fetched."""
    iops, bytes_per_second = disk_limits(disk.cluster, disk.size_gib)
    return (
        iops if disk.iops_set is None else disk.iops_set,
        bytes_per_second if disk.bytes_set is None else disk.bytes_set,
    )


def set_effective(disk: Disk) -> None:
    """Write the limits that follow from size, rule and what its tenant has set, to the instance alone."""
    disk.iops, disk.bytes_per_second = effective_limits(disk)


def burst_of(cluster: StorageCluster) -> tuple[int, int]:
    """Return how many times its limits a disk may reach, and for how many seconds."""
    rule = speed_rule(cluster)
    return rule.burst, rule.burst_seconds
