"""What a pretend host would send: its report, and its counters."""

from datetime import UTC, datetime

from apps.drivers.memory.guests import HostCapacity
from apps.drivers.memory.hypervisor import MemoryHypervisor
from apps.drivers.memory.records import HEARTBEATS, HOSTS, MemoryHost
from apps.drivers.memory.usage import host_usage, vm_usage
from apps.drivers.memory.world import World
from apps.drivers.reports import HostReport
from apps.drivers.specs import HeartbeatPlan, PeerBeat, PeerReport
from apps.drivers.usage import UsageReading

#: Seconds since a pretend host without power renewed its heartbeat.
LONG_AGO = 60.0


def memory_report(world: World, host: str, capacity: HostCapacity | None = None) -> HostReport | None:
    """Return what `host` would report now; None when it is without power or off the network."""
    with world.records() as state:
        known = state.get(HOSTS, host) or MemoryHost()
    if not known.up:
        return None
    now = datetime.now(UTC)
    return HostReport(
        observation=MemoryHypervisor(world, host, capacity).observe(),
        agent_version="memory",
        boot_id=str(known.boots),
        sequence=int(now.timestamp() * 1000),
        sent_at=now,
    )


def memory_usage(world: World, host: str, capacity: HostCapacity) -> UsageReading | None:
    """Return the counters of `host` and its VMs as of now; None when it is without power or off the network."""
    with world.records() as state:
        known = state.get(HOSTS, host) or MemoryHost()
    if not known.up:
        return None
    now = datetime.now(UTC)
    running = MemoryHypervisor(world, host, capacity).running()
    return UsageReading(
        at=now,
        boot_id=str(known.boots),
        host=host_usage(host, capacity.vcpus, capacity.memory_mib, now.timestamp()),
        vms=tuple(vm_usage(vm, now.timestamp()) for vm in running),
    )


def memory_peers(world: World, host: str) -> PeerReport | None:
    """Return what `host` would read now of its peers' heartbeats; None when it is without power or off the network."""
    with world.records() as state:
        plan = state.get(HEARTBEATS, host) or HeartbeatPlan(id=host)
        hosts = {name: state.get(HOSTS, name) or MemoryHost() for name in (host, *plan.peers)}
    if not hosts[host].up:
        return None
    beats = [PeerBeat(peer, 0.0 if hosts[peer].powered else LONG_AGO) for peer in plan.peers]
    return PeerReport(datetime.now(UTC), 0.0, tuple(beats) if plan.pools else ())
