"""How fast a disk may be: by its storage cluster's rule, or as its tenant has set it within that (EV-6)."""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import F, Q, Value
from django.db.models.functions import Least

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
    """Return (operations per second, bytes per second) of a disk; its cluster must have been fetched.

    What its tenant has set never exceeds the rule of today: an administrator may have lowered it since.
    """
    iops, bytes_per_second = disk_limits(disk.cluster, disk.size_gib)
    return (
        iops if disk.iops_set is None else min(disk.iops_set, iops),
        bytes_per_second if disk.bytes_set is None else min(disk.bytes_set, bytes_per_second),
    )


def kept_limits(disk: Disk) -> dict[str, int | None]:
    """Return what its tenant has set, lowered to the bounds of today."""
    allowed = bounds(disk.cluster, disk.size_gib)
    most = allowed.most_mib * MIB
    return {
        "iops": None if disk.iops_set is None else min(disk.iops_set, allowed.most_iops),
        "bytes_per_second": None if disk.bytes_set is None else min(disk.bytes_set, most),
    }


def above_rule(cluster: StorageCluster) -> Q:
    """Return the condition that a disk of the cluster is faster than its rule."""
    rule, size = speed_rule(cluster), F("size_gib")
    iops = Least(Value(rule.iops) + Value(rule.iops_per_gib) * size, Value(rule.iops_most))
    mib = Least(Value(float(rule.mib)) + Value(float(rule.mib_per_gib)) * size, Value(float(rule.mib_most)))
    return Q(iops__gt=iops) | Q(bytes_per_second__gt=mib * MIB)


def set_effective(disk: Disk) -> None:
    """Write the limits that follow from size, rule and what its tenant has set, to the instance alone."""
    disk.iops, disk.bytes_per_second = effective_limits(disk)


def burst_of(cluster: StorageCluster) -> tuple[int, int]:
    """Return how many times its limits a disk may reach, and for how many seconds."""
    rule = speed_rule(cluster)
    return rule.burst, rule.burst_seconds
