"""From a row to its driver. Workers only; everything here is safe to call from any thread.

The driver columns decide: "memory" is the pretend region of `apps.drivers.memory`, anything else is real.
Connections are kept for the life of the process, one per address.
"""

from __future__ import annotations

import threading
from functools import cache
from typing import TYPE_CHECKING

import redis
from django.conf import settings
from django.utils.translation import gettext_noop as _

from apps.drivers.errors import DriverError
from apps.drivers.memory import (
    HostCapacity,
    MemoryFabric,
    MemoryHypervisor,
    MemoryVolumes,
    RedisWorld,
    World,
)
from apps.drivers.orders import Fence
from apps.drivers.protocols import Fabric, Hypervisor, Volumes
from apps.drivers.redis_bounds import bounded
from apps.infrastructure.models import Host, Region, StorageCluster
from apps.infrastructure.selectors import host_in_reach
from apps.lifecycle.running import Run
from apps.tenancy.secrets import unseal

if TYPE_CHECKING:
    from apps.agent.post import CeleryPost
    from apps.drivers.ovn import OvnFabric
    from apps.drivers.remote import RemoteHost

_process_world = World()
#: Held while a connection is made, so that two threads do not make one each.
_making = threading.Lock()


def hypervisor(host: Host, run: Run | None) -> Hypervisor:
    """Return the hypervisor of a host. `run` fences its orders; None is for looking only."""
    if host.driver == "memory":
        return MemoryHypervisor(
            memory_world(), host.name, memory_capacity(host), fence=_fence(run) if run else None
        )
    return _remote(host).hypervisor(fence=_fence(run))


def volumes(cluster: StorageCluster, run: Run | None, *, host: Host | None = None) -> Volumes:
    """Return the volumes of a storage cluster as `host` reaches them; without one, as any host of the region does."""
    host = host or host_in_reach(cluster.region_id)
    if host is None:
        raise DriverError(
            _("No host of region %(region)s is in reach."),
            values={"region": cluster.region},
            code="host.unreachable",
            hint=_("Check that the hosts are up and their agents are running."),
        )
    if host.driver == "memory":
        return MemoryVolumes(memory_world(), fence=_fence(run) if run else None)
    return _remote(host).volumes(fence=_fence(run))


def fabric(region: Region, run: Run | None = None) -> Fabric:
    """Return the network fabric of a region. No change is made once `run` no longer holds its lease."""
    guard = run.guard if run else None
    if region.fabric_driver == "memory":
        return MemoryFabric(memory_world(), guard)
    with _making:
        ovn = _ovn(region.fabric_address)
    return ovn.guarded(guard) if guard else ovn


def memory_capacity(host: Host) -> HostCapacity:
    """Return what a pretend host has: what its row was made with."""
    return HostCapacity(host.vcpus, host.memory_mib, host.architecture, host.cpu_model)


def memory_world() -> World:
    """Return the pretend region: of this process, or shared through Redis (`settings.MEMORY_WORLD`)."""
    return _redis_world() if settings.MEMORY_WORLD == "redis" else _process_world


@cache
def _redis_world() -> RedisWorld:
    return RedisWorld(redis.Redis.from_url(settings.MEMORY_REDIS_URL, socket_timeout=10))


@cache
def redis_client() -> redis.Redis:
    """Return this process's pooled connection to the control plane's Redis."""
    return redis.Redis.from_url(settings.REDIS_URL, socket_timeout=10, socket_keepalive=True, **bounded())


@cache
def _ovn(address: str) -> OvnFabric:
    from apps.drivers.ovn import OvnFabric, certificates

    if settings.OVN_CERT:
        certificates.use(settings.OVN_KEY, settings.OVN_CERT, settings.OVN_CA)
    return OvnFabric(address)


@cache
def _post() -> CeleryPost:
    from apps.agent.post import CeleryPost

    return CeleryPost(settings.CELERY_BROKER_URL)


def _remote(host: Host) -> RemoteHost:
    with _making:
        return _remote_named(host.name, host.sealed_key)


@cache
def _remote_named(name: str, sealed_key: str) -> RemoteHost:
    from apps.drivers.remote import RemoteHost

    return RemoteHost(name, redis_client(), unseal(sealed_key), _post())


def _fence(run: Run | None) -> Fence:
    return Fence(run.operation.sequence, run.operation.attempt) if run else Fence(0, 0)
