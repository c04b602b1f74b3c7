"""Giving hosts the keys of pools: a VM's QEMU connects to Ceph itself, and so does an import.

Nobody asks for it. Beat compares what each host was given with what it should have, so that a cluster that was just
connected, a key that was replaced, a host that was enrolled, and one that has been off are all the same case.
"""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Iterable, Iterator
from datetime import datetime

from apps.accounts.secrets import unseal
from apps.drivers.errors import DriverError
from apps.drivers.specs import PoolKey
from apps.infrastructure import backends
from apps.infrastructure.models import GivenPoolKey, Host, StorageCluster
from apps.lifecycle.clock import database_now

log = logging.getLogger(__name__)
MOST_SECONDS = 20.0
"""Of one round: a host that hangs must not hold a worker's thread for long, round after round."""


def give_pool_keys() -> int:
    """Give hosts that answer the keys they lack, and take those of removed pools; return how many were given."""
    pools = {str(pool.pk): pool for pool in StorageCluster.objects.exclude(sealed_key="")}
    known = {(row.host_id, row.pool_id): row for row in GivenPoolKey.objects.select_related("host")}
    give_up, given, now = time.monotonic() + MOST_SECONDS, 0, database_now()
    for host, pool in _pairs(pools.values(), now):
        row, digest = known.get((host.pk, str(pool.pk))), _digest(host, pool)
        if (row is None or row.digest != digest) and time.monotonic() < give_up:
            given += _give(host, pool, digest)
    for row in known.values():
        if row.pool_id not in pools and row.host.in_reach_at(now) and time.monotonic() < give_up:
            _take(row)
    return given


def _pairs(pools: Iterable[StorageCluster], now: datetime) -> Iterator[tuple[Host, StorageCluster]]:
    """Yield each host that answers with each pool of its region."""
    by_region: dict[int, list[StorageCluster]] = {}
    for pool in pools:
        by_region.setdefault(pool.region_id, []).append(pool)
    hosts = Host.objects.filter(cluster__region__in=by_region).select_related("cluster").order_by("pk")
    for host in hosts:
        if host.in_reach_at(now):
            yield from ((host, pool) for pool in by_region[host.cluster.region_id])


def _give(host: Host, pool: StorageCluster, digest: str) -> bool:
    key = PoolKey(id=str(pool.pk), user=pool.pool_user, key=unseal(pool.sealed_key))
    try:
        backends.hypervisor(host, None).ensure_pool_key(key)
    except DriverError as error:
        log.warning("key of storage cluster %s not given to %s: %s", pool.name, host.name, error.message)
        return False
    GivenPoolKey.objects.update_or_create(
        host=host, pool_id=str(pool.pk), defaults={"digest": digest, "given_at": database_now()}
    )
    return True


def _take(row: GivenPoolKey) -> None:
    try:
        backends.hypervisor(row.host, None).ensure_pool_key_absent(row.pool_id)
    except DriverError as error:
        log.warning("key of removed pool %s still on %s: %s", row.pool_id, row.host.name, error.message)
        return
    row.delete()


def _digest(host: Host, pool: StorageCluster) -> str:
    """Changes with the key, and with every life of the host: it may have been installed anew."""
    parts = (pool.pool_user, pool.sealed_key, host.sealed_key, host.boot_id)
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()
