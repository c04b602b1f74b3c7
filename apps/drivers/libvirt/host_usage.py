"""The host's own counters, from /proc and /sys (proc(5), Documentation/admin-guide/iostats.rst)."""

import os
from pathlib import Path

from apps.drivers.specs import HostUsage

STATE = "/var/lib/scloud"
SECTOR = 512
"""/proc/diskstats counts in these whatever the disk's own sectors are."""
MILLISECONDS_A_TICK = 1000 // os.sysconf("SC_CLK_TCK")
VIRTUAL = ("lo", "vnet", "tap", "ovs", "br-", "genev", "vxlan", "virbr", "docker")


def read() -> HostUsage:
    """Return what the kernel has counted since the host was booted, and what is in use now."""
    busy, total = _cpu()
    memory = dict(line.split(":", 1) for line in Path("/proc/meminfo").read_text().splitlines())
    available, memory_total = (int(memory[name].split()[0]) << 10 for name in ("MemAvailable", "MemTotal"))
    reads, read_bytes, writes, write_bytes = _disks()
    received, sent = _network()
    used, capacity = _file_system(STATE if os.path.isdir(STATE) else "/")
    return HostUsage(
        cpu_busy_ms=busy,
        cpu_total_ms=total,
        load=os.getloadavg()[0],
        memory_bytes=memory_total - available,
        memory_total_bytes=memory_total,
        disk_read_bytes=read_bytes,
        disk_write_bytes=write_bytes,
        disk_read_ops=reads,
        disk_write_ops=writes,
        net_rx_bytes=received,
        net_tx_bytes=sent,
        disk_used_bytes=used,
        disk_total_bytes=capacity,
    )


def _cpu() -> tuple[int, int]:
    """Return busy and all time of all threads; waiting for disks is not being busy."""
    ticks = [int(word) for word in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]]
    total = sum(ticks)
    return (total - ticks[3] - ticks[4]) * MILLISECONDS_A_TICK, total * MILLISECONDS_A_TICK


def _disks() -> tuple[int, int, int, int]:
    """Return reads, bytes read, writes and bytes written of whole real disks: others are made of these."""
    reads = read_sectors = writes = written_sectors = 0
    for line in Path("/proc/diskstats").read_text().splitlines():
        name, *counters = line.split()[2:]
        if Path("/sys/block", name, "device").exists():
            reads, read_sectors = reads + int(counters[0]), read_sectors + int(counters[2])
            writes, written_sectors = writes + int(counters[4]), written_sectors + int(counters[6])
    return reads, read_sectors * SECTOR, writes, written_sectors * SECTOR


def _network() -> tuple[int, int]:
    """Return bytes received and sent by real adapters; in a host without any, by what is no bridge and no guest's."""
    found = {}
    for line in Path("/proc/net/dev").read_text().splitlines()[2:]:
        name, _, counters = line.partition(":")
        found[name.strip()] = [int(word) for word in counters.split()]
    real = [name for name in found if Path("/sys/class/net", name, "device").exists()]
    counted = real or [name for name in found if not name.startswith(VIRTUAL)]
    return sum(found[name][0] for name in counted), sum(found[name][8] for name in counted)


def _file_system(path: str) -> tuple[int, int]:
    """Return used and all bytes, as df counts them."""
    found = os.statvfs(path)
    return (found.f_blocks - found.f_bfree) * found.f_frsize, found.f_blocks * found.f_frsize
