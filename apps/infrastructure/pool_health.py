"""What a distributed pool says of itself, as kept on its cluster's row: health, and how far a rebuild has come."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec

from apps.drivers.specs import PoolHealth
from apps.infrastructure.models import StorageCluster


@dataclass(frozen=True)
class Rebuild:
    """Copies of objects that Ceph still has to make or move; `most` is the largest number since it started."""

    left: int
    most: int
    since: datetime | None
    bytes_per_second: int
    objects_per_second: int

    @property
    def percent(self) -> int:
        """How much of it is done; 100 only when nothing is left."""
        return min(100 * (self.most - self.left) // self.most, 99) if self.most else 0

    @property
    def seconds_left(self) -> int | None:
        """How long it takes at today's speed; None when it stands still."""
        return -(-self.left // self.objects_per_second) if self.objects_per_second else None


def health_of(cluster: StorageCluster) -> PoolHealth | None:
    """Return the health last seen; None for a pool that says nothing of it."""
    try:
        return msgspec.convert(cluster.health, PoolHealth) if cluster.health else None
    except msgspec.ValidationError:  # of another version, or of nothing that can be
        return None


def rebuild_of(cluster: StorageCluster) -> Rebuild | None:
    """Return the rebuild that is going on; None when all copies are where they should be."""
    health = health_of(cluster)
    left = _left(health) if health else 0
    if health is None or not left:
        return None
    most = cluster.health.get("rebuild_most", 0)
    return Rebuild(
        left=left,
        most=max(most, left),
        since=_moment(cluster.health.get("rebuild_since")),
        bytes_per_second=health.rebuild_bytes_per_second,
        objects_per_second=health.rebuild_objects_per_second,
    )


def kept_health(before: dict[str, Any], health: PoolHealth | None, now: datetime) -> dict[str, Any]:
    """Return what to keep of a health that was just seen; `before` is what was kept until now."""
    if health is None:
        return {}
    # As JSON has it, so that it can be compared with what was kept.
    kept: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(health))
    if left := _left(health):
        kept["rebuild_most"] = max(left, int(before.get("rebuild_most", 0)))
        kept["rebuild_since"] = before.get("rebuild_since") or now.isoformat()
    return kept


def _left(health: PoolHealth) -> int:
    return health.degraded_objects + health.misplaced_objects


def _moment(kept: object) -> datetime | None:
    try:
        return datetime.fromisoformat(kept) if isinstance(kept, str) else None
    except ValueError:
        return None
