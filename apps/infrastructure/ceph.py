"""This process's connections to Ceph clusters, one for each pool and key. Workers only."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterable
from typing import TYPE_CHECKING

from apps.drivers.protocols import Guard, Volumes
from apps.drivers.specs import PoolObservation, PoolSpec, VolumeSpec
from apps.drivers.storage_fence import StorageFence

if TYPE_CHECKING:
    from apps.drivers.rbd.cluster import CephCluster
    from apps.drivers.rbd.volumes import RbdVolumes

MOST = 64
_lock = threading.Lock()
_connections: dict[tuple[PoolSpec, str], CephCluster] = {}


def volumes(spec: PoolSpec, key: str, guard: Guard | None, hosts: Callable[[], Volumes]) -> RbdVolumes:
    """Return the volumes of a pool; `hosts` gives them as a host reaches them."""
    from apps.drivers.rbd.volumes import RbdVolumes

    return RbdVolumes(_connection(spec, key), guard, hosts)


def probe(spec: PoolSpec, key: str) -> PoolObservation:
    """Return capacity and health of a pool; raise `DriverError` saying why it cannot be used."""
    from apps.drivers.rbd import health

    return health.look(_connection(spec, key))


def purge(spec: PoolSpec, key: str) -> int:
    """Remove some of what is in the pool's trash and needed by nobody; return how many."""
    from apps.drivers.rbd.volumes import RbdVolumes

    return RbdVolumes(_connection(spec, key)).purge()


def fence(
    spec: PoolSpec, key: str, volumes: Iterable[VolumeSpec], hosts: Collection[str], guard: Guard | None
) -> tuple[str, ...]:
    """Shut out the clients of some volumes that are at these addresses; return them."""
    from apps.drivers.rbd.volumes import RbdVolumes

    return RbdVolumes(_connection(spec, key), guard).fence_clients(volumes, hosts)


def host_fence(spec: PoolSpec, key: str, guard: Guard | None) -> StorageFence:
    """Return what shuts hosts out of the cluster of a pool."""
    from apps.drivers.rbd.host_fence import RbdHostFence

    return RbdHostFence(_connection(spec, key), guard)


def _connection(spec: PoolSpec, key: str) -> CephCluster:
    """Return the connection, kept: a cluster that does not answer must not hold every thread that asks it anew."""
    from apps.drivers.rbd.cluster import CephCluster

    with _lock:
        known = _connections.pop((spec, key), None)
        if known is None and len(_connections) >= MOST:
            del _connections[next(iter(_connections))]  # unused for the longest time; it closes by itself
        _connections[spec, key] = known or CephCluster(spec, key)
        return _connections[spec, key]
