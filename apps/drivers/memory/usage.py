"""Counters of pretend VMs and hosts: each is the integral of a wave of its own, so that charts have something to show.

The same at whatever moment they are read, since they follow from the clock and the name alone.
"""

import math
import zlib

from apps.drivers.memory.records import MemoryVm
from apps.drivers.specs import DiskUsage, HostUsage, VmUsage

MIB, GIB = 1 << 20, 1 << 30
HOST_DISK = 500 * GIB


class Wave:
    """A rate that swings between nothing and twice its mean; periods are 10 to 50 minutes."""

    def __init__(self, name: str) -> None:
        seed = zlib.crc32(name.encode())
        self._frequency = 2 * math.pi / (600 + seed % 2400)
        self._phase = seed % 628 / 100
        #: Between 0.05 and 0.45, the same for everything of one name.
        self.mean = 0.05 + seed // 2400 % 400 / 1000

    def at(self, seconds: float) -> float:
        """Return the rate now."""
        return self.mean * (1 + math.sin(self._frequency * seconds + self._phase))

    def until(self, seconds: float) -> float:
        """Return the rate's integral since 1970."""
        return self.mean * (seconds - math.cos(self._frequency * seconds + self._phase) / self._frequency)


def vm_usage(vm: MemoryVm, now: float) -> VmUsage:
    """Return the counters of a running VM since it was started."""
    wave = Wave(vm.spec.id)
    done = max(
        0.0, wave.until(now) - wave.until(vm.started_at)
    )  # it may have started after the clock was read
    memory = vm.spec.memory_mib * MIB
    return VmUsage(
        id=vm.spec.id,
        boot=vm.boot,
        cpu_ns=int(done * vm.spec.vcpu * 1e9),
        vcpus=vm.spec.vcpu,
        memory_bytes=int(memory * (0.3 + wave.at(now) / 2)),
        memory_total_bytes=memory,
        disk_read_bytes=int(done * 4 * MIB),
        disk_write_bytes=int(done * 10 * MIB),
        disk_read_ops=int(done * 60),
        disk_write_ops=int(done * 250),
        net_rx_bytes=int(done * 3 * MIB),
        net_tx_bytes=int(done * MIB),
        disks=tuple(_disk_usage(disk.volume.id, vm.started_at, now) for disk in vm.spec.disks),
    )


def _disk_usage(id: str, since: float, now: float) -> DiskUsage:
    wave = Wave(id)
    done = max(0.0, wave.until(now) - wave.until(since))
    reads, writes = int(done * 400), int(done * 900)
    return DiskUsage(
        id=id,
        read_bytes=reads * 32 * 1024,
        write_bytes=writes * 16 * 1024,
        read_ops=reads,
        write_ops=writes,
        read_ns=int(reads * (0.3 + wave.mean) * 1e6),
        write_ns=int(writes * (0.6 + 2 * wave.mean) * 1e6),
    )


def host_usage(name: str, vcpus: int, memory_mib: int, now: float) -> HostUsage:
    """Return the counters of a host."""
    wave = Wave(name)
    done = wave.until(now)
    return HostUsage(
        cpu_busy_ms=int(done * vcpus * 1000),
        cpu_total_ms=int(now * vcpus * 1000),
        load=wave.at(now) * vcpus,
        memory_bytes=int(memory_mib * MIB * (0.2 + wave.at(now) / 2)),
        memory_total_bytes=memory_mib * MIB,
        disk_read_bytes=int(done * 60 * MIB),
        disk_write_bytes=int(done * 120 * MIB),
        disk_read_ops=int(done * 900),
        disk_write_ops=int(done * 2500),
        net_rx_bytes=int(done * 80 * MIB),
        net_tx_bytes=int(done * 50 * MIB),
        disk_used_bytes=int(HOST_DISK * (0.1 + wave.mean)),
        disk_total_bytes=HOST_DISK,
    )
