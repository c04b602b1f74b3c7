"""A pretend region: hosts, pools and network that exist only as records.

Every driver here acts on one `World` and refuses what the real backend would refuse, with the same error codes, so
that the rest of the product can be tested and measured without machines. `World` lives in this process; `RedisWorld`
holds the same records in Redis, so that several processes share them and they outlive any of them.
"""

from apps.drivers.memory.controller import MemoryController
from apps.drivers.memory.fabric import MemoryFabric
from apps.drivers.memory.guests import HostCapacity
from apps.drivers.memory.hypervisor import MemoryHypervisor
from apps.drivers.memory.migration import MemoryMigrations
from apps.drivers.memory.pools import MemoryPool, probe_memory_pool, set_pool
from apps.drivers.memory.redis_world import RedisWorld
from apps.drivers.memory.reports import memory_peers, memory_report, memory_usage
from apps.drivers.memory.storage_fence import MemoryStorageFence
from apps.drivers.memory.volumes import MemoryVolumes
from apps.drivers.memory.world import World

__all__ = [
    "HostCapacity",
    "MemoryController",
    "MemoryFabric",
    "MemoryHypervisor",
    "MemoryMigrations",
    "MemoryPool",
    "MemoryStorageFence",
    "MemoryVolumes",
    "RedisWorld",
    "World",
    "memory_peers",
    "memory_report",
    "memory_usage",
    "probe_memory_pool",
    "set_pool",
]
