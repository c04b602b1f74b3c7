"""How fast a disk may be, so that one VM cannot starve its neighbours (VM-2). Limits grow with size."""

from __future__ import annotations

from dataclasses import dataclass

from apps.infrastructure.models import StorageCluster

MIB = 1 << 20


@dataclass(frozen=True)
class _Curve:
    """Operations per second and MiB per second: a base, a gain per GiB, a ceiling."""

    iops: int
    iops_per_gib: int
    iops_most: int
    mib: int
    mib_per_gib: float
    mib_most: int


_CURVES = {
    StorageCluster.Media.NVME: _Curve(3000, 50, 100_000, 200, 1.0, 1000),
    StorageCluster.Media.SSD: _Curve(1800, 30, 25_000, 120, 0.5, 300),
    StorageCluster.Media.SATA: _Curve(500, 2, 3_000, 60, 0.1, 120),
}


def disk_limits(media: str, size_gib: int) -> tuple[int, int]:
    """Return (operations per second, bytes per second) of a disk of that size on that medium."""
    curve = _CURVES[StorageCluster.Media(media)]
    iops = min(curve.iops + curve.iops_per_gib * size_gib, curve.iops_most)
    mib = min(curve.mib + curve.mib_per_gib * size_gib, curve.mib_most)
    return iops, int(mib * MIB)
