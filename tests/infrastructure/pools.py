"""A pretend Ceph: probed like a real one, over the records of a pretend pool."""

from __future__ import annotations

from typing import Any

import pytest

from apps.drivers.memory import MemoryPool, World, probe_memory_pool, set_pool
from apps.drivers.specs import HealthCheck, PoolHealth, PoolObservation, PoolSpec, Severity
from apps.infrastructure import backends
from apps.infrastructure.models import StorageCluster
from apps.storage import observation
from tests.security.bodies import CEPH_KEY

GIB = 1 << 30
OTHER_KEY = "QVFEYW5vdGhlcmtleXRoYXRpc25vbmVlaXRoZXI="

HEALTHY = PoolHealth(
    raw_capacity_bytes=300 * GIB,
    raw_used_bytes=30 * GIB,
    replicas=3,
    replicas_needed=2,
    failure_domain="host",
    osds=3,
    osds_up=3,
    osds_in=3,
    objects=900,
)
#: With one OSD down, and a third of the copies still to make.
REBUILDING = PoolHealth(
    severity=Severity.WARNING,
    checks=(HealthCheck("OSD_DOWN", Severity.WARNING, "1 osds down"),),
    raw_capacity_bytes=300 * GIB,
    raw_used_bytes=30 * GIB,
    replicas=3,
    replicas_needed=2,
    failure_domain="host",
    osds=3,
    osds_up=2,
    osds_in=3,
    objects=900,
    degraded_objects=300,
    rebuild_bytes_per_second=20 << 20,
    rebuild_objects_per_second=5,
)


class PretendCeph:
    """The pool that a storage cluster leads to."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.world = World()
        self.probed: list[tuple[PoolSpec, str]] = []
        monkeypatch.setattr(backends, "_process_world", self.world)
        monkeypatch.setitem(backends.POOL_PROBES, "rbd", self._probe)

    def _probe(self, spec: PoolSpec, key: str) -> PoolObservation:
        self.probed.append((spec, key))
        return probe_memory_pool(self.world, spec, key)

    def is_(self, cluster: StorageCluster, **columns: Any) -> None:
        """Make the pool what it is from now on; the key of the tests is let in."""
        given = {"capacity_bytes": 100 * GIB, "used_bytes": 10 * GIB, "health": HEALTHY, "key": CEPH_KEY}
        set_pool(self.world, str(cluster.pk), MemoryPool(**{**given, **columns}))


def looked_at(cluster: StorageCluster) -> StorageCluster:
    """Let a worker look at the cluster, and return it as it is then."""
    observation.observe_one(cluster.pk)
    return StorageCluster.objects.select_related("region").get(pk=cluster.pk)
