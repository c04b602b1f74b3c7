"""Looking at storage clusters: how full they are, how they are, and whether they can be reached at all."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from django.utils import timezone

from apps.drivers.errors import DriverError
from apps.drivers.specs import PoolObservation
from apps.infrastructure import backends
from apps.infrastructure.models import StorageCluster
from apps.infrastructure.pool_metrics import pool_sample
from apps.infrastructure.pool_observation import note_failure, note_seen
from apps.infrastructure.redis_connection import redis_client
from apps.metrics.active_store import store

#: Looked at at the same time. One that hangs must not make the others wait.
MOST_AT_ONCE = 8
#: Longer than any look takes.
TURN_SECONDS = 30

Found = PoolObservation | DriverError


def observe_clusters() -> None:
    """Look at every storage cluster, and keep a sample of each for its charts."""
    clusters = StorageCluster.objects.select_related("region")
    by_hosts = [(cluster, _look(cluster)) for cluster in clusters.exclude(driver__in=backends.POOL_PROBES)]
    samples = []
    for cluster, found in by_hosts + _probed():
        if _note(cluster, found) and isinstance(found, PoolObservation):
            samples.append(pool_sample(cluster, found, timezone.now()))
    store().record(samples)


def observe_health() -> None:
    """Look at those clusters that say how they are, which is quick and shows a rebuild as it goes on."""
    for cluster, found in _probed():
        _note(cluster, found)


def observe_one(key: int) -> None:
    """Look at one cluster now; one that is gone is none."""
    for cluster in StorageCluster.objects.select_related("region").filter(pk=key):
        _note(cluster, _look(cluster))


def _probed() -> list[tuple[StorageCluster, Found]]:
    """Look at all clusters that are reached from here; without those that another worker is looking at."""
    clusters = list(StorageCluster.objects.filter(driver__in=backends.POOL_PROBES))
    if not clusters:
        return []
    with ThreadPoolExecutor(min(MOST_AT_ONCE, len(clusters))) as threads:
        found = list(threads.map(_look_in_turn, clusters))
    return [(cluster, each) for cluster, each in zip(clusters, found, strict=True) if each is not None]


def _note(cluster: StorageCluster, found: Found) -> bool:
    if isinstance(found, DriverError):
        note_failure(cluster, found)
        return True
    return note_seen(cluster, found)


def _look_in_turn(cluster: StorageCluster) -> Found | None:
    """Look at a cluster in a thread of its own; None while another worker does."""
    turn = f"storage.looking.{cluster.pk}"
    if not redis_client().set(turn, 1, nx=True, ex=TURN_SECONDS):
        return None
    try:
        return _look(cluster)
    finally:
        redis_client().delete(turn)


def _look(cluster: StorageCluster) -> Found:
    try:
        return backends.observe_pool(cluster)
    except DriverError as error:
        return error
