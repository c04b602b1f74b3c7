"""Attaching and detaching disks, and what may change of an attached one: its limits, its size.

Every step looks first and changes only what differs, so that a run may be repeated from its start. Nothing is asked of
libvirt for a pool that does not answer: it would hang, with all that is asked of this VM afterwards.
"""

import xml.etree.ElementTree as ET
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import libvirt

from apps.drivers.bounds import MOST_COUNT, clamped
from apps.drivers.deadline import Deadline
from apps.drivers.hypervisor_errors import limits_not_set, locked_volume, missing_volume
from apps.drivers.libvirt import disk_xml
from apps.drivers.libvirt.device_change import LIVE, DeviceChange, call
from apps.drivers.libvirt.pool_drivers import describe, driver_of
from apps.drivers.specs import Architecture, AttachedDisk, DiskAttachment, PoolSpec, VmDisks, VmSpec
from apps.drivers.volume_errors import silent_pool

POOL_SECONDS = 3.0
GIB, LENGTH = 1 << 30, "_length"
_deadline = Deadline()


def need_answer(pool: PoolSpec) -> None:
    """Raise `DriverError` for a pool that nothing can be read from."""
    driver = driver_of(pool)
    late = silent_pool(pool.id, POOL_SECONDS)
    _deadline.run(pool.id, lambda: driver.read(pool), POOL_SECONDS, lambda: late)


def read(domain: Any) -> VmDisks:
    """Return which disks the VM has."""
    stored = tuple(disk_xml.volumes_in(domain.XMLDesc(libvirt.VIR_DOMAIN_XML_INACTIVE)))
    running = _running(domain)
    sizes = _sizes(domain) if running else {}
    return VmDisks(
        running=tuple(
            AttachedDisk(id, clamped(sizes.get(disk_xml.device_of(disk), 0), MOST_COUNT))
            for id, disk in running.items()
        ),
        stored=stored,
    )


def ensure(domain: Any, spec: VmSpec) -> VmDisks:
    """Bring the disks to `spec`."""
    for pool in {disk.volume.pool for disk in spec.disks}:
        need_answer(pool)
    change = _Change(DeviceChange(domain, spec.id, disk_xml.volumes_in), spec.architecture)
    wanted = {disk.volume.id: disk for disk in spec.disks}
    change.detach(wanted.keys())
    for disk in spec.disks:
        change.attach(disk)
    for disk in spec.disks:
        change.limit(disk)
        change.grow(disk)
    return read(domain)


def _running(domain: Any) -> dict[str, ET.Element]:
    return disk_xml.volumes_in(domain.XMLDesc(0)) if domain.isActive() else {}


def _sizes(domain: Any) -> dict[str, int]:
    """Return device → bytes of the disk as QEMU has it."""
    stats = call(domain.UUIDString(), lambda: _block_stats(domain))
    devices = range(stats.get("block.count", 0))
    return {stats[f"block.{n}.name"]: int(stats.get(f"block.{n}.capacity", 0)) for n in devices}


def _block_stats(domain: Any) -> dict[str, Any]:
    ((_domain, stats),) = domain.connect().domainListGetStats([domain], libvirt.VIR_DOMAIN_STATS_BLOCK, 0)
    found: dict[str, Any] = stats
    return found


@dataclass(frozen=True, slots=True)
class _Change:
    """The steps, each for the definition of the next start and for the VM that runs."""

    device: DeviceChange
    architecture: Architecture

    @property
    def domain(self) -> Any:
        return self.device.domain

    @property
    def vm_id(self) -> str:
        return self.device.vm_id

    def detach(self, wanted: Collection[str]) -> None:
        for where, disks in self.device.places():
            for id, disk in disks.items():
                if id not in wanted:
                    self.device.let_go(ET.tostring(disk, encoding="unicode"), where)

    def attach(self, disk: DiskAttachment) -> None:
        missing = [where for where, disks in self.device.places() if disk.volume.id not in disks]
        if not missing:
            return
        if not driver_of(disk.volume.pool).prepare(disk.volume):
            raise missing_volume(self.vm_id, disk.volume.id)
        made = disk_xml.element(disk, self.architecture, describe(disk.volume))
        xml = ET.tostring(made, encoding="unicode")
        for where in missing:
            self._attach(disk, xml, where)

    def _attach(self, disk: DiskAttachment, xml: str, where: int) -> None:
        try:
            self.device.do(where, lambda: self.domain.attachDeviceFlags(xml, where))
        except libvirt.libvirtError as error:
            words = str(error)
            if 'write" lock' in words or 'shared "write' in words:
                raise locked_volume(self.vm_id, disk.volume.id) from error
            raise

    def limit(self, disk: DiskAttachment) -> None:
        for where, disks in self.device.places():
            if disk.volume.id in disks:
                self._limit(disk, disk_xml.device_of(disks[disk.volume.id]), where)

    def _limit(self, disk: DiskAttachment, device: str, where: int) -> None:
        wanted = disk_xml.iotune(disk)
        if self._has_limits(device, wanted, where):
            return
        self.device.do(where, lambda: self.domain.setBlockIoTune(device, wanted, where))
        if not self._has_limits(device, wanted, where):
            raise limits_not_set(self.vm_id, disk.volume.id)

    def _has_limits(self, device: str, wanted: dict[str, int], where: int) -> bool:
        """Whether limits are as wanted; the length of a burst counts only where there is one."""
        tune = self.device.do(where, lambda: self.domain.blockIoTune(device, where))
        return tune is None or all(
            tune.get(name, 0) == value
            for name, value in wanted.items()
            if not name.endswith(LENGTH) or wanted[name.removesuffix(LENGTH)]
        )

    def grow(self, disk: DiskAttachment) -> None:
        """Tell the guest of a size that has grown. libvirt cuts a disk under its guest without asking: never less."""
        found = self.device.running().get(disk.volume.id)
        if found is None:
            return
        device, size = disk_xml.device_of(found), disk.volume.size_gib * GIB
        if not 0 < (self.device.do(LIVE, lambda: _sizes(self.domain)) or {}).get(device, 0) < size:
            return
        how = libvirt.VIR_DOMAIN_BLOCK_RESIZE_BYTES
        self.device.do(LIVE, lambda: self.domain.blockResize(device, size, how))
