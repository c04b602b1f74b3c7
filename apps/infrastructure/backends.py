"""From a row to its driver. Workers only; everything here is safe to call from any thread.

What is driven decides, by its own driver column: a host its hypervisor, a storage cluster its volumes, a region its
fabric. The tables at the end have a row for each driver. Connections are kept for the life of the process,
one per address.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import redis
from django.conf import settings
from django.utils.translation import gettext_noop as _

from apps.accounts.secrets import unseal
from apps.drivers.errors import DriverError
from apps.drivers.hypervisor_errors import failed_host
from apps.drivers.memory import (
    HostCapacity,
    MemoryController,
    MemoryFabric,
    MemoryHypervisor,
    MemoryMigrations,
    MemoryVolumes,
    RedisWorld,
    World,
    memory_peers,
    memory_report,
    memory_usage,
)
from apps.drivers.orders import Fence
from apps.drivers.protocols import Controller, Fabric, Hypervisor, Migrations, Volumes
from apps.drivers.redfish import ControllerAccess, RedfishController
from apps.drivers.reports import KEPT_SECONDS, HostReport
from apps.drivers.specs import PeerReport, PoolObservation, PoolSpec, VolumeSpec
from apps.drivers.storage_fence import StorageFence
from apps.drivers.usage import USAGE, UsageReading
from apps.infrastructure import ceph, report_inbox
from apps.infrastructure.failed_hosts import is_failed
from apps.infrastructure.models import Host, Region, StorageCluster
from apps.infrastructure.redis_connection import redis_client
from apps.infrastructure.selectors import host_in_reach
from apps.lifecycle.operation_context import OperationContext

if TYPE_CHECKING:
    from apps.agent.order_queue import OrderQueue
    from apps.drivers.ovn.fabric import OvnFabric
    from apps.drivers.remote import RemoteHost

Guard = Callable[[], None]

#: The fence of who only looks.
_LOOKING = Fence(0, 0)
_process_world = World()
#: Held while a connection is made, so that two threads do not make one each.
_making = threading.Lock()


def hypervisor(host: Host, run: OperationContext | None) -> Hypervisor:
    """Return the hypervisor of a host. `run` fences its orders; None is for looking only."""
    return host_driver(host).hypervisor(host, _fence(run))


def hypervisor_of_failed(host: Host, run: OperationContext) -> Hypervisor:
    """Return the hypervisor of a host that is being taken back, to which nobody else may send changes."""
    if host.driver == "agent":
        return _remote(host, failed=True).hypervisor(_fence(run) or _LOOKING)
    return hypervisor(host, run)


def controller(host: Host) -> Controller:
    """Return the management controller of a host that has one."""
    return HOST_DRIVERS[host.driver].controller(host)


def volumes(cluster: StorageCluster, run: OperationContext | None, *, host: Host | None = None) -> Volumes:
    """Return the volumes of a storage cluster as `host` reaches them; without one, as any host of the region does."""
    return STORAGE_DRIVERS[cluster.driver](cluster, run, host)


def migrations(source: Host, target: Host) -> Migrations:
    """Return what moves running VMs from one host to another. Raises DriverError between hosts of two drivers."""
    if source.driver != target.driver:
        raise DriverError(
            _("Hosts %(source)s and %(target)s cannot exchange VMs."),
            values={"source": source.name, "target": target.name},
            code="host.other_driver",
            permanent=True,
            hint=_("Choose another host."),
        )
    return host_driver(source).migrations(source, target)


def probe_pool(spec: PoolSpec, key: str) -> PoolObservation:
    """Connect to a pool with its key, from here and by no host, and return its capacity and health.

    Contents are left out. Raises DriverError that tells what is wrong apart: `volumes.ceph_unreachable` (address),
    `volumes.ceph_refused` (user or key), `volumes.pool_missing`, `volumes.pool_forbidden`, `volumes.pool_full`.
    """
    return POOL_PROBES[spec.driver](spec, key)


def observe_pool(cluster: StorageCluster) -> PoolObservation:
    """Return capacity and health of a storage cluster, by the shortest way."""
    if cluster.driver in POOL_PROBES:
        return probe_pool(cluster.spec(), _key(cluster))
    return volumes(cluster, None).observe(cluster.spec())


def purge_pool(cluster: StorageCluster) -> int:
    """Remove some of what deletions have left in a pool because others needed it, or for later; return how many."""
    return POOL_PURGES[cluster.driver](cluster.spec(), _key(cluster))


def fence_clients(
    cluster: StorageCluster, volumes: Sequence[VolumeSpec], host: Host, run: OperationContext
) -> tuple[str, ...]:
    """Have a storage cluster refuse what a host has left of VMs that no longer run there; return what was shut out.

    Call it once it is certain that the volumes' VMs are off on `host`, or that the host is fenced: a guest that still
    runs there loses these disks. Nothing to do where storage keeps no locks.
    """
    fence = POOL_FENCES.get(cluster.driver)
    if fence is None or host.address is None:
        return ()
    return fence(cluster.spec(), _key(cluster), volumes, {host.address}, run.guard)


def host_fence(cluster: StorageCluster, run: OperationContext) -> StorageFence:
    """Return what shuts hosts out of a storage cluster whose driver is in `HOST_FENCES`."""
    return HOST_FENCES[cluster.driver](cluster.spec(), _key(cluster), run.guard)


def client_address(host: Host) -> str | None:
    """Return the address from which a host reaches storage; None while it is not known."""
    return host_driver(host).screen_host(host)


def fabric(region: Region, run: OperationContext | None = None) -> Fabric:
    """Return the network fabric of a region. No change is made once `run` no longer holds its lease."""
    return FABRIC_DRIVERS[region.fabric_driver](region, run.guard if run else None)


def host_driver(host: Host) -> HostDriver:
    """Return what drives a host."""
    return HOST_DRIVERS[host.driver]


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
def _ovn(address: str) -> OvnFabric:
    from apps.drivers.ovn import certificates
    from apps.drivers.ovn.fabric import OvnFabric

    if settings.OVN_CERT:
        certificates.use(settings.OVN_KEY, settings.OVN_CERT, settings.OVN_CA)
    return OvnFabric(address)


@cache
def _post() -> OrderQueue:
    from apps.agent.order_queue import OrderQueue

    return OrderQueue(settings.CELERY_BROKER_URL)


def _remote(host: Host, *, failed: bool = False) -> RemoteHost:
    with _making:
        return _remote_named(host.name, host.sealed_key, failed)


@cache
def _remote_named(name: str, sealed_key: str, failed: bool) -> RemoteHost:
    from apps.drivers.remote import RemoteHost

    def refuse_failed() -> None:
        if is_failed(name):
            raise failed_host(name)

    remote = RemoteHost(name, redis_client(), unseal(sealed_key), _post())
    if not failed:
        remote.before_change = refuse_failed
    return remote


def _fence(run: OperationContext | None) -> Fence | None:
    return Fence(run.operation.sequence, run.operation.attempt) if run else None


def _redfish(host: Host) -> Controller:
    row = host.controller
    return RedfishController(ControllerAccess(row.url, row.user, unseal(row.sealed_password), row.authority))


def _agent_hypervisor(host: Host, fence: Fence | None) -> Hypervisor:
    return _remote(host).hypervisor(fence=fence or _LOOKING)


def _libvirt_migrations(source: Host, target: Host) -> Migrations:
    from apps.drivers.libvirt.migration import LibvirtMigrations

    return LibvirtMigrations(source.address or "", target.address or "", Path(settings.LIBVIRT_PKI))


def _reaching(cluster: StorageCluster, host: Host | None) -> Host:
    """Return the host itself, or one of the region that answers."""
    found = host or host_in_reach(cluster.region_id)
    if found is None:
        raise DriverError(
            _("No host in region %(region)s is reachable."),
            values={"region": cluster.region},
            code="host.unreachable",
            hint=_("Check that the hosts are up and their agents are running."),
        )
    return found


def _agent_volumes(cluster: StorageCluster, run: OperationContext | None, host: Host | None) -> Volumes:
    return _host_volumes(_reaching(cluster, host), run)


def _rbd_volumes(cluster: StorageCluster, run: OperationContext | None, host: Host | None) -> Volumes:
    """What changes in Ceph is ordered from here; a host only writes images."""
    guard = run.guard if run else None
    return ceph.volumes(
        cluster.spec(), _key(cluster), guard, lambda: _host_volumes(_reaching(cluster, host), run)
    )


def _host_volumes(host: Host, run: OperationContext | None) -> Volumes:
    return _remote(host).volumes(fence=_fence(run) or _LOOKING)


def _key(cluster: StorageCluster) -> str:
    return unseal(cluster.sealed_key) if cluster.sealed_key else ""


def _agent_reports(hosts: Sequence[Host]) -> list[tuple[Host, HostReport]]:
    return report_inbox.new_reports(hosts)


def _agent_usage(host: Host, message: bytes | None) -> UsageReading | None:
    return report_inbox.opened(host, USAGE, message, UsageReading)


def _ovn_fabric(region: Region, guard: Guard | None) -> Fabric:
    with _making:
        ovn = _ovn(region.fabric_address)
    return ovn.guarded(guard) if guard else ovn


def _memory_hypervisor(host: Host, fence: Fence | None) -> Hypervisor:
    return MemoryHypervisor(memory_world(), host.name, memory_capacity(host), fence=fence)


def _memory_migrations(source: Host, target: Host) -> Migrations:
    return MemoryMigrations(memory_world(), source.name, target.name)


def _memory_volumes(cluster: StorageCluster, run: OperationContext | None, host: Host | None) -> Volumes:
    _reaching(cluster, host)
    return MemoryVolumes(memory_world(), fence=_fence(run))


def _memory_reports(hosts: Sequence[Host]) -> list[tuple[Host, HostReport]]:
    reports = [(host, memory_report(memory_world(), host.name, memory_capacity(host))) for host in hosts]
    return [(host, report) for host, report in reports if report]


def _memory_usage(host: Host, message: bytes | None) -> UsageReading | None:
    return memory_usage(memory_world(), host.name, memory_capacity(host))


def _memory_heard(hosts: Sequence[Host]) -> dict[str, report_inbox.LastHeard]:
    answering = _memory_peers(hosts)
    return {
        host.name: report_inbox.LastHeard(0.0 if host.name in answering else KEPT_SECONDS, often=True)
        for host in hosts
    }


def _memory_peers(hosts: Sequence[Host]) -> dict[str, PeerReport]:
    found = {host.name: memory_peers(memory_world(), host.name) for host in hosts}
    return {name: report for name, report in found.items() if report is not None}


def _memory_fabric(region: Region, guard: Guard | None) -> Fabric:
    return MemoryFabric(memory_world(), guard)


@dataclass(frozen=True)
class HostDriver:
    """What drives a host.

    usage: from the message that its agent left. screen_host: where its VNC servers listen. heard: when anything came
    from hosts. peers: what they last read of their peers' heartbeats. migrations: from a host to another of the same
    driver.
    """

    hypervisor: Callable[[Host, Fence | None], Hypervisor]
    reports: Callable[[Sequence[Host]], list[tuple[Host, HostReport]]]
    usage: Callable[[Host, bytes | None], UsageReading | None]
    screen_host: Callable[[Host], str | None]
    migrations: Callable[[Host, Host], Migrations]
    heard: Callable[[Sequence[Host]], dict[str, report_inbox.LastHeard]]
    peers: Callable[[Sequence[Host]], dict[str, PeerReport]]
    controller: Callable[[Host], Controller]


HOST_DRIVERS = {
    "agent": HostDriver(
        _agent_hypervisor,
        _agent_reports,
        _agent_usage,
        lambda host: host.address,
        _libvirt_migrations,
        report_inbox.last_heard,
        report_inbox.peer_reports,
        _redfish,
    ),
    "memory": HostDriver(
        _memory_hypervisor,
        _memory_reports,
        _memory_usage,
        lambda host: host.name,
        _memory_migrations,
        _memory_heard,
        _memory_peers,
        lambda host: MemoryController(memory_world(), host.name),
    ),
}
#: The volumes of a storage cluster, by a host that reaches it, or by any, where the driver needs one.
STORAGE_DRIVERS: dict[str, Callable[[StorageCluster, OperationContext | None, Host | None], Volumes]] = {
    "file": _agent_volumes,
    "rbd": _rbd_volumes,
    "memory": _memory_volumes,
}
#: Pools that the control plane connects to itself, by a key; a host looks at all others.
POOL_PROBES: dict[str, Callable[[PoolSpec, str], PoolObservation]] = {"rbd": ceph.probe}
#: Pools in which deleting takes two steps.
POOL_PURGES: dict[str, Callable[[PoolSpec, str], int]] = {"rbd": ceph.purge}
#: Drivers whose storage keeps the locks of dead clients until these are blocked.
POOL_FENCES: dict[
    str, Callable[[PoolSpec, str, Sequence[VolumeSpec], Collection[str], Guard], tuple[str, ...]]
] = {"rbd": ceph.fence}
#: Drivers whose storage can refuse everything that a host sends.
HOST_FENCES: dict[str, Callable[[PoolSpec, str, Guard], StorageFence]] = {"rbd": ceph.host_fence}
FABRIC_DRIVERS: dict[str, Callable[[Region, Guard | None], Fabric]] = {
    "ovn": _ovn_fabric,
    "memory": _memory_fabric,
}
