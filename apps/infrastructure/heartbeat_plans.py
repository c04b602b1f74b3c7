"""Telling hosts in which pools they renew their heartbeat, and whose they read.

As with pools' keys nobody asks for it: beat compares what each host was told with what it should know.
"""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Iterator

import msgspec

from apps.drivers.errors import DriverError
from apps.drivers.specs import MOST_POOLS, HeartbeatPlan
from apps.infrastructure import backends
from apps.infrastructure.host_watch import peers_of
from apps.infrastructure.models import Host, StorageCluster
from apps.lifecycle.clock import database_now
from apps.lifecycle.models import State

log = logging.getLogger(__name__)
MOST_SECONDS = 20.0
"""Of one round: a host that hangs must not hold a worker's thread for long, round after round."""


def give_heartbeat_plans() -> int:
    """Tell hosts that answer what changed; return how many were told."""
    give_up, told = time.monotonic() + MOST_SECONDS, 0
    for host, plan in _plans():
        digest = _digest(host, plan)
        if host.heartbeat_digest != digest and time.monotonic() < give_up:
            told += _tell(host, plan, digest)
    return told


def _plans() -> Iterator[tuple[Host, HeartbeatPlan]]:
    """Yield each host that answers, with its plan."""
    pools: dict[int, list[StorageCluster]] = {}
    for pool in StorageCluster.objects.order_by("pk"):
        pools.setdefault(pool.region_id, []).append(pool)
    now = database_now()
    by_cluster: dict[int, list[str]] = {}
    hosts = list(Host.objects.filter(state=State.READY).select_related("cluster").order_by("name"))
    for host in hosts:
        by_cluster.setdefault(host.cluster_id, []).append(host.name)
    for host in hosts:
        if host.in_reach_at(now):
            peers = peers_of(host.name, by_cluster[host.cluster_id])
            specs = [pool.spec() for pool in pools.get(host.cluster.region_id, [])[:MOST_POOLS]]
            yield host, HeartbeatPlan(host.name, tuple(peers), tuple(specs))


def _tell(host: Host, plan: HeartbeatPlan, digest: str) -> bool:
    try:
        backends.hypervisor(host, None).follow_heartbeats(plan)
    except DriverError as error:
        log.warning("heartbeat plan not given to %s: %s", host.name, error.message)
        return False
    Host.objects.filter(pk=host.pk).update(heartbeat_digest=digest)
    return True


def _digest(host: Host, plan: HeartbeatPlan) -> str:
    """Changes with the plan, and with every life of the host: it may have been installed anew."""
    return hashlib.sha256(msgspec.json.encode([host.sealed_key, host.boot_id, plan])).hexdigest()
