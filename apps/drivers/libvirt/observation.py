"""Looking at the host and all its VMs at once."""

import platform
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path, PurePath
from typing import Any

import libvirt

from apps.drivers.bounds import MOST_COUNT, MOST_NUMBER, clamped, is_id
from apps.drivers.files.layout import SUFFIX
from apps.drivers.libvirt import disk_xml, domains, host_usage, nic_xml
from apps.drivers.specs import DiskUsage, HostObservation, ReportedDisk, VmStatus, VmUsage
from apps.drivers.specs.devices import MOST_DISKS, MOST_NICS

KIB, MIB = 1 << 10, 1 << 20
STATS = (
    libvirt.VIR_DOMAIN_STATS_CPU_TOTAL
    | libvirt.VIR_DOMAIN_STATS_BALLOON
    | libvirt.VIR_DOMAIN_STATS_INTERFACE
    | libvirt.VIR_DOMAIN_STATS_BLOCK
    | libvirt.VIR_DOMAIN_STATS_VCPU
)
DISK_COUNTERS = {
    "read_bytes": "rd.bytes",
    "write_bytes": "wr.bytes",
    "read_ops": "rd.reqs",
    "write_ops": "wr.reqs",
    "read_ns": "rd.times",
    "write_ns": "wr.times",
}
WHICH = libvirt.VIR_CONNECT_GET_ALL_DOMAINS_STATS_ACTIVE | libvirt.VIR_CONNECT_GET_ALL_DOMAINS_STATS_NOWAIT
"""A VM whose QEMU is busy or hangs holds no report up; its usage is left out, as a gap."""


@dataclass(slots=True)
class LoadMeter:
    """Share of CPU time that was used between two readings, in percent."""

    busy: float = 0.0
    total: float = 0.0

    def read(self) -> float:
        """Return the load since the last reading."""
        fields = [int(word) for word in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]]
        total, idle = float(sum(fields)), float(fields[3] + fields[4])
        busy_now, total_now = total - idle - self.busy, total - self.total
        self.busy, self.total = total - idle, total
        return round(100.0 * busy_now / total_now, 1) if total_now > 0 else 0.0


def observe(connection: Any, virtualisation: str, meter: LoadMeter, look: domains.Look) -> HostObservation:
    """Return the host and the platform's VMs on it, defined and running."""
    running = connection.getAllDomainStats(STATS, WHICH)
    info = connection.getInfo()
    measured = {domain.UUIDString(): stats for domain, stats in running}
    vms = {
        vm_id: _with_devices(domains.status(vm_id, domain, look), domain, measured.get(vm_id, {}))
        for vm_id, domain in _ours(connection.listAllDomains())
    }
    return HostObservation(
        architecture=info[0],
        cpu_model=_cpu_model(),
        vcpus=info[2],
        memory_mib=info[1],
        virtualisation=virtualisation,
        hypervisor_version=_version(connection.getVersion()),
        load_percent=meter.read(),
        memory_used_mib=_memory_used_mib(),
        vms=tuple(vms.values()),
        usage=tuple(
            usage_of(vms[domain.UUIDString()], stats, _disk_ids(domain, stats))
            for domain, stats in running
            if _known(vms, domain, stats)
        ),
        host_usage=host_usage.read(),
    )


def _ours(found: list[Any]) -> Iterator[tuple[str, Any]]:
    return ((domain.UUIDString(), domain) for domain in found if domains.is_ours(domain))


def _with_devices(vm: VmStatus, domain: Any, stats: dict[str, Any]) -> VmStatus:
    """Return the VM with the disks and NICs that it runs with, else of its definition; one just removed has none."""
    try:
        xml = domain.XMLDesc(0)
    except libvirt.libvirtError:
        return vm
    nics = tuple(filter(is_id, nic_xml.nics_in(xml)))[:MOST_NICS]
    return replace(vm, disks=_disks_in(xml, stats), nics=nics)


def _disks_in(domain_xml: str, stats: dict[str, Any]) -> tuple[ReportedDisk, ...]:
    found = disk_xml.volumes_in(domain_xml)
    numbers = range(stats.get("block.count", 0))
    sizes = {stats.get(f"block.{n}.name"): int(stats.get(f"block.{n}.capacity", 0)) for n in numbers}
    return tuple(
        ReportedDisk(
            id,
            clamped(sizes.get(disk_xml.device_of(disk), 0), MOST_COUNT),
            *(clamped(limit, MOST_COUNT) for limit in disk_xml.limits_of(disk)),
        )
        for id, disk in found.items()
    )[:MOST_DISKS]


def _known(vms: dict[str, VmStatus], domain: Any, stats: dict[str, Any]) -> bool:
    return "balloon.rss" in stats and domain.UUIDString() in vms


def _disk_ids(domain: Any, stats: dict[str, Any]) -> dict[str, str]:
    """Return device → volume identifier. libvirt names the file of a disk; of one on the network it names nothing."""
    numbers = range(stats.get("block.count", 0))
    if all(f"block.{n}.path" in stats for n in numbers):
        paths = ((stats.get(f"block.{n}.name", ""), PurePath(stats[f"block.{n}.path"])) for n in numbers)
        return {name: path.stem for name, path in paths if path.suffix == SUFFIX and is_id(path.stem)}
    try:
        found = disk_xml.volumes_in(domain.XMLDesc(0))
    except libvirt.libvirtError:
        return {}  # it has just ended
    return {disk_xml.device_of(disk): id for id, disk in found.items()}


def usage_of(vm: VmStatus, stats: dict[str, Any], disk_ids: dict[str, str] | None = None) -> VmUsage:
    """Pick from libvirt's names (virConnectGetAllDomainStats): balloon.* are KiB, cpu.time nanoseconds.

    The guest's balloon driver decides balloon.available, .usable and .current, and what a guest does to its disks can
    make their counters anything: all is clamped to what this VM can have, and the host's other VMs keep their figures.
    """
    whole = clamped(stats.get("balloon.maximum", 0) * KIB, MOST_COUNT)
    return VmUsage(
        id=vm.id,
        boot=vm.boot,
        cpu_ns=clamped(stats.get("cpu.time", 0), MOST_COUNT),
        vcpus=clamped(stats.get("vcpu.current", 0), MOST_NUMBER),
        memory_bytes=clamped(_memory_kib(stats) * KIB, whole),
        memory_total_bytes=clamped(stats.get("balloon.current", 0) * KIB, whole),
        disk_read_bytes=_total(stats, "block", "rd.bytes"),
        disk_write_bytes=_total(stats, "block", "wr.bytes"),
        disk_read_ops=_total(stats, "block", "rd.reqs"),
        disk_write_ops=_total(stats, "block", "wr.reqs"),
        net_rx_bytes=_total(stats, "net", "rx.bytes"),
        net_tx_bytes=_total(stats, "net", "tx.bytes"),
        disks=tuple(_disks(stats, disk_ids or {}))[:MOST_DISKS],
    )


def _disks(stats: dict[str, Any], ids: dict[str, str]) -> Iterator[DiskUsage]:
    for number in range(stats.get("block.count", 0)):
        id = ids.get(stats.get(f"block.{number}.name", ""))
        if id is not None:
            counters = {
                field: clamped(int(stats.get(f"block.{number}.{name}", 0)), MOST_COUNT)
                for field, name in DISK_COUNTERS.items()
            }
            yield DiskUsage(id, **counters)


def _memory_kib(stats: dict[str, Any]) -> int:
    """Believe the guest's driver, which knows its caches from its needs; without one, what QEMU holds."""
    if "balloon.available" in stats and "balloon.usable" in stats:
        return int(stats["balloon.available"]) - int(stats["balloon.usable"])
    return int(stats.get("balloon.rss", 0))


def _total(stats: dict[str, Any], group: str, counter: str) -> int:
    devices = range(stats.get(f"{group}.count", 0))
    return clamped(sum(int(stats.get(f"{group}.{device}.{counter}", 0)) for device in devices), MOST_COUNT)


def _version(number: int) -> str:
    return f"{number // 1_000_000}.{number // 1000 % 1000}.{number % 1000}"


def _cpu_model() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _memory_used_mib() -> int:
    fields = dict(line.split(":", 1) for line in Path("/proc/meminfo").read_text().splitlines())
    free = int(fields["MemAvailable"].split()[0])
    return (int(fields["MemTotal"].split()[0]) - free) // KIB


def boot_id() -> str:
    """Return what changes at each boot of the host: its kernel's boot id and the start time of its first process."""
    kernel = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    started = Path("/proc/1/stat").read_text().rpartition(")")[2].split()[19]
    return f"{kernel}/{started}"
