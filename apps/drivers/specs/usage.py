"""Counters and gauges of hosts and VMs."""

from dataclasses import dataclass
from typing import Annotated

from msgspec import Meta

from apps.drivers.bounds import Counter, Id, Measure, Number
from apps.drivers.specs.devices import MOST_DISKS


@dataclass(frozen=True, slots=True)
class DiskUsage:
    """Counters of one disk of a running VM since it was attached. Times in nanoseconds, summed over operations."""

    id: Id
    read_bytes: Counter = 0
    write_bytes: Counter = 0
    read_ops: Counter = 0
    write_ops: Counter = 0
    read_ns: Counter = 0
    write_ns: Counter = 0


@dataclass(frozen=True, slots=True)
class VmUsage:
    """Counters of one running VM since it was started, by power-on `boot`, and its memory; seen from the guest.

    `memory_bytes` is what the guest uses by its balloon driver's account, else what QEMU holds of the host.
    """

    id: Id
    boot: Number = 0
    cpu_ns: Counter = 0
    vcpus: Number = 0
    memory_bytes: Counter = 0
    memory_total_bytes: Counter = 0
    disk_read_bytes: Counter = 0
    disk_write_bytes: Counter = 0
    disk_read_ops: Counter = 0
    disk_write_ops: Counter = 0
    net_rx_bytes: Counter = 0
    net_tx_bytes: Counter = 0
    disks: Annotated[tuple[DiskUsage, ...], Meta(max_length=MOST_DISKS)] = ()


@dataclass(frozen=True, slots=True)
class HostUsage:
    """Counters of a host since it was booted, and what it uses now. CPU in milliseconds, summed over its threads.

    `disk_used_bytes` and `disk_total_bytes` are of the file system that holds the agent's state.
    """

    cpu_busy_ms: Counter = 0
    cpu_total_ms: Counter = 0
    load: Measure = 0.0
    memory_bytes: Counter = 0
    memory_total_bytes: Counter = 0
    disk_read_bytes: Counter = 0
    disk_write_bytes: Counter = 0
    disk_read_ops: Counter = 0
    disk_write_ops: Counter = 0
    net_rx_bytes: Counter = 0
    net_tx_bytes: Counter = 0
    disk_used_bytes: Counter = 0
    disk_total_bytes: Counter = 0
