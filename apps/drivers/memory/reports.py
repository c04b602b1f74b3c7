"""The report a pretend host would send."""

from datetime import UTC, datetime

from apps.drivers.memory.hypervisor import HostCapacity, MemoryHypervisor
from apps.drivers.memory.records import HOSTS, MemoryHost
from apps.drivers.memory.world import World
from apps.drivers.reports import HostReport


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
