"""Attaching and detaching disks, and what may change of an attached one: its limits, its size.

Every step looks first and changes only what differs, so that a run may be repeated from its start. Nothing is asked of
libvirt for a pool that does not answer: it would hang, with all that is asked of this VM afterwards.
"""

import xml.etree.ElementTree as ET
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Self

import libvirt

from apps.drivers.bounds import MOST_COUNT, clamped
from apps.drivers.deadline import Deadline
from apps.drivers.hypervisor_errors import limits_not_set, locked_volume, missing_volume
from apps.drivers.libvirt import disk_xml
from apps.drivers.libvirt.device_change import LIVE, STORED, DeviceChange, call
from apps.drivers.libvirt.pool_drivers import describe, driver_of
from apps.drivers.specs import AttachedDisk, DiskAttachment, PoolSpec, VmDisks, VmSpec
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
    return _Disks.of(domain).with_sizes(_sizes(domain) if domain.isActive() else {})


def ensure(domain: Any, spec: VmSpec) -> VmDisks:
    """Bring the disks to `spec`.

    What has to be changed is read from the definitions; QEMU is asked for sizes alone, and once, unless one grows.
    """
    if domain.isActive():  # else no pool is needed
        for pool in {disk.volume.pool for disk in spec.disks}:
            need_answer(pool)
    change = _Change(DeviceChange(domain, spec.id, disk_xml.volumes_in), spec.is_express)
    found = _Disks.of(domain)
    touched = [*change.detach(found, spec.disks), *change.attach(found, spec.disks)]
    found = _Disks.of(domain) if touched else found
    for disk in spec.disks:
        change.limit(found, disk)
    sizes = change.sizes(found)
    if change.grow(found, spec.disks, sizes):
        sizes = change.sizes(found)
    return found.with_sizes(sizes)


@dataclass(frozen=True, slots=True)
class _Disks:
    """Volume identifier → <disk>, in the stored definition and in the VM that runs."""

    stored: dict[str, ET.Element]
    running: dict[str, ET.Element]

    @classmethod
    def of(cls, domain: Any) -> Self:
        """Return the disks as they are now."""
        stored = disk_xml.volumes_in(domain.XMLDesc(libvirt.VIR_DOMAIN_XML_INACTIVE))
        return cls(stored, disk_xml.volumes_in(domain.XMLDesc(0)) if domain.isActive() else {})

    @property
    def places(self) -> list[tuple[int, dict[str, ET.Element]]]:
        """Return the disks in the stored definition, then those of the VM that runs."""
        return [(STORED, self.stored), (LIVE, self.running)] if self.running else [(STORED, self.stored)]

    def with_sizes(self, sizes: dict[str, int]) -> VmDisks:
        """Return which disks the VM has; `sizes` by device."""
        running = (
            AttachedDisk(id, clamped(sizes.get(disk_xml.device_of(disk), 0), MOST_COUNT))
            for id, disk in self.running.items()
        )
        return VmDisks(running=tuple(running), stored=tuple(self.stored))


def _sizes(domain: Any) -> dict[str, int]:
    found: dict[str, int] = call(domain.UUIDString(), lambda: _block_sizes(domain))
    return found


def _block_sizes(domain: Any) -> dict[str, int]:
    """Return device → bytes of the disk as QEMU has it."""
    ((_domain, stats),) = domain.connect().domainListGetStats([domain], libvirt.VIR_DOMAIN_STATS_BLOCK, 0)
    devices = range(stats.get("block.count", 0))
    return {stats[f"block.{n}.name"]: int(stats.get(f"block.{n}.capacity", 0)) for n in devices}


@dataclass(frozen=True, slots=True)
class _Change:
    """The steps, each for the definition of the next start and for the VM that runs."""

    device: DeviceChange
    is_express: bool

    @property
    def domain(self) -> Any:
        return self.device.domain

    @property
    def vm_id(self) -> str:
        return self.device.vm_id

    def detach(self, found: _Disks, wanted: Sequence[DiskAttachment]) -> list[str]:
        """Have go what is not wanted, and return it."""
        ids = {disk.volume.id for disk in wanted}
        gone = [
            (where, id, disk) for where, disks in found.places for id, disk in disks.items() if id not in ids
        ]
        for where, _id, disk in gone:
            self.device.let_go(ET.tostring(disk, encoding="unicode"), where)
        return [id for _where, id, _disk in gone]

    def attach(self, found: _Disks, wanted: Sequence[DiskAttachment]) -> list[str]:
        """Attach what is missing, and return it."""
        attached = []
        for disk in wanted:
            missing = [where for where, disks in found.places if disk.volume.id not in disks]
            if missing:
                self._attach_to(disk, missing)
                attached.append(disk.volume.id)
        return attached

    def _attach_to(self, disk: DiskAttachment, missing: Sequence[int]) -> None:
        if not driver_of(disk.volume.pool).prepare(disk.volume):
            raise missing_volume(self.vm_id, disk.volume.id)
        made = disk_xml.element(disk, describe(disk.volume), express=self.is_express)
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

    def limit(self, found: _Disks, disk: DiskAttachment) -> None:
        """Bring the limits to what is wanted, and read them back where they had to be set."""
        wanted = disk_xml.iotune(disk)
        for where, disks in found.places:
            known = disks.get(disk.volume.id)
            if known is None or _are_limits(disk_xml.limits_in(known), wanted):
                continue
            device = disk_xml.device_of(known)
            self.device.do(where, partial(self.domain.setBlockIoTune, device, wanted, where))
            tune = self.device.do(where, partial(self.domain.blockIoTune, device, where))
            if tune is not None and not _are_limits(tune, wanted):
                raise limits_not_set(self.vm_id, disk.volume.id)

    def sizes(self, found: _Disks) -> dict[str, int]:
        """Return device → bytes of the disks as QEMU has them; none of a VM that is off."""
        return (self.device.do(LIVE, lambda: _block_sizes(self.domain)) if found.running else None) or {}

    def grow(self, found: _Disks, wanted: Sequence[DiskAttachment], sizes: dict[str, int]) -> bool:
        """Tell the guest of sizes that have grown; return whether there were any.

        libvirt cuts a disk under its guest without asking: it is never called with less.
        """
        grown = False
        for disk in wanted:
            known = found.running.get(disk.volume.id)
            device, size = disk_xml.device_of(known) if known is not None else "", disk.volume.size_gib * GIB
            if 0 < sizes.get(device, 0) < size:
                how = libvirt.VIR_DOMAIN_BLOCK_RESIZE_BYTES
                self.device.do(LIVE, partial(self.domain.blockResize, device, size, how))
                grown = True
        return grown


def _are_limits(tune: dict[str, int], wanted: dict[str, int]) -> bool:
    """Whether limits are as wanted; the length of a burst counts only where there is one."""
    return all(
        tune.get(name, 0) == value
        for name, value in wanted.items()
        if not name.endswith(LENGTH) or wanted[name.removesuffix(LENGTH)]
    )
