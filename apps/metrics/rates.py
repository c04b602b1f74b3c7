"""From two readings of counters to rates.

A counter that went back was reset (a VM was started again, a host booted), and one that was not read for a while says
nothing of when it grew: both are gaps, never spikes or negative rates.
"""

from __future__ import annotations

from collections.abc import Mapping

from apps.drivers.specs import DiskUsage, HostUsage, VmUsage
from apps.metrics.store import STEP_SECONDS

#: Readings further apart than this have a gap between them.
LONGEST_SECONDS = 2.5 * STEP_SECONDS

#: What no VM or host moves in a second: 8 Tbit, or as many requests. Beyond, a counter says what cannot be.
MOST_PER_SECOND = 1e12
#: No operation of a disk takes longer than an hour.
MOST_NS = 3600 * 10**9

Values = dict[str, float]


def vm_values(now: VmUsage, before: VmUsage | None, seconds: float) -> Values:
    """Return what is known of a VM: its memory as of now, and rates over the `seconds` since `before`."""
    values: Values = {"memory_bytes": now.memory_bytes, "memory_total_bytes": now.memory_total_bytes}
    if before is None or now.boot != before.boot or not _near(seconds):
        return values
    if now.vcpus and now.cpu_ns >= before.cpu_ns:
        values["cpu_percent"] = min(100, 100 * (now.cpu_ns - before.cpu_ns) / (now.vcpus * seconds * 1e9))
    return values | _rates(now, before, seconds)


def host_values(now: HostUsage, before: HostUsage | None, seconds: float) -> Values:
    """Return what is known of a host; give no `before` that was read before it was booted."""
    values: Values = {
        "load": now.load,
        "memory_bytes": now.memory_bytes,
        "memory_total_bytes": now.memory_total_bytes,
        "disk_used_bytes": now.disk_used_bytes,
        "disk_total_bytes": now.disk_total_bytes,
    }
    if before is None or not _near(seconds):
        return values
    total = now.cpu_total_ms - before.cpu_total_ms
    if total > 0 and now.cpu_busy_ms >= before.cpu_busy_ms:
        values["cpu_percent"] = min(100, 100 * (now.cpu_busy_ms - before.cpu_busy_ms) / total)
    return values | _rates(now, before, seconds)


def disk_values(now: DiskUsage, before: DiskUsage | None, seconds: float) -> Values:
    """Return rates and mean times of a disk over the `seconds` since `before`, a reading of the same attachment."""
    if before is None or not _near(seconds):
        return {}
    grown = {
        "disk_read_bytes_per_second": now.read_bytes - before.read_bytes,
        "disk_write_bytes_per_second": now.write_bytes - before.write_bytes,
        "disk_read_ops_per_second": now.read_ops - before.read_ops,
        "disk_write_ops_per_second": now.write_ops - before.write_ops,
    }
    took = {
        "disk_read_ms": (now.read_ns - before.read_ns, now.read_ops - before.read_ops),
        "disk_write_ms": (now.write_ns - before.write_ns, now.write_ops - before.write_ops),
    }
    # A time is known only where something was done.
    mean = {name: ns / ops / 1e6 for name, (ns, ops) in took.items() if ops > 0 and 0 <= ns <= MOST_NS * ops}
    return _per_second(grown, seconds) | mean


def _near(seconds: float) -> bool:
    return 0 < seconds <= LONGEST_SECONDS


def _rates(now: VmUsage | HostUsage, before: VmUsage | HostUsage, seconds: float) -> Values:
    grown = {
        "disk_read_bytes_per_second": now.disk_read_bytes - before.disk_read_bytes,
        "disk_write_bytes_per_second": now.disk_write_bytes - before.disk_write_bytes,
        "disk_read_ops_per_second": now.disk_read_ops - before.disk_read_ops,
        "disk_write_ops_per_second": now.disk_write_ops - before.disk_write_ops,
        "net_rx_bytes_per_second": now.net_rx_bytes - before.net_rx_bytes,
        "net_tx_bytes_per_second": now.net_tx_bytes - before.net_tx_bytes,
    }
    return _per_second(grown, seconds)


def _per_second(grown: Mapping[str, int], seconds: float) -> Values:
    return {
        name: growth / seconds for name, growth in grown.items() if 0 <= growth <= MOST_PER_SECOND * seconds
    }
