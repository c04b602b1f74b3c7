"""What a pretend pool says of itself, and whether one can connect to it: as a test has set it."""

from dataclasses import dataclass

from apps.drivers.errors import DriverError
from apps.drivers.memory.records import State, Table
from apps.drivers.memory.world import World
from apps.drivers.pool_errors import ceph_refused, ceph_unreachable, pool_forbidden, pool_full, pool_missing
from apps.drivers.specs import PoolHealth, PoolObservation, PoolSpec

CAPACITY_BYTES = 1 << 50

_TROUBLES = {
    "unreachable": ceph_unreachable,
    "missing": pool_missing,
    "forbidden": pool_forbidden,
    "full": pool_full,
}


@dataclass(frozen=True, slots=True)
class MemoryPool:
    """A pretend pool. `used_bytes`: None is what its volumes and images add up to.

    `key` is the one that is let in. `trouble` is what keeps everybody from it: "unreachable", "missing", "forbidden",
    "full", or "" for nothing.
    """

    capacity_bytes: int = CAPACITY_BYTES
    used_bytes: int | None = None
    health: PoolHealth | None = None
    key: str = ""
    trouble: str = ""


POOLS = Table("pools", MemoryPool)
"""Pool → what it is; one that no test has set is large and says nothing of its health."""


def pool_of(state: State, pool: PoolSpec) -> MemoryPool:
    """Return what a pretend pool is."""
    return state.get(POOLS, pool.id) or MemoryPool()


def set_pool(world: World, pool_id: str, pool: MemoryPool) -> None:
    """Make a pretend pool what it is from now on."""
    with world.records() as state:
        state.put(POOLS, pool_id, pool)


def probe_memory_pool(world: World, pool: PoolSpec, key: str) -> PoolObservation:
    """Connect to a pretend pool with a key; the same refusals as a Ceph cluster's."""
    with world.call("volumes.probe_pool") as state:
        there = pool_of(state, pool)
        if there.trouble == "unreachable":
            raise ceph_unreachable(pool)
        if there.key != key:
            raise ceph_refused(pool)
        if there.trouble:
            raise _trouble(there.trouble, pool)
        return PoolObservation(there.capacity_bytes, there.used_bytes or 0, health=there.health)


def _trouble(trouble: str, pool: PoolSpec) -> DriverError:
    return _TROUBLES[trouble](pool)
