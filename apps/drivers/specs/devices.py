"""Disks and NICs of VMs."""

from dataclasses import dataclass, field
from typing import Annotated

from msgspec import Meta

from apps.drivers.bounds import Counter, Id, Line
from apps.drivers.specs.network import VPC_MTU
from apps.drivers.specs.storage import VolumeSpec

MOST_DISKS, MOST_MOUNTS, MOST_NICS = 32, 64, 32


@dataclass(frozen=True, slots=True)
class DiskAttachment:
    """One disk of a VM, in boot order. Limits of 0 mean unlimited.

    `slot` gives the device its place: 0 is the system disk (vda), 1 is vdb, … A disk keeps it while it is attached.
    A burst may last `burst_seconds` and reaches so many times the limit; 1 is no burst.
    """

    volume: VolumeSpec
    iops: int = 0
    bytes_per_second: int = 0
    slot: int = 0
    burst: int = 1
    burst_seconds: int = 1


@dataclass(frozen=True, slots=True)
class AttachedDisk:
    """A disk that a running VM has, and how large the guest sees it in bytes."""

    id: Id
    size_bytes: Counter = 0


@dataclass(frozen=True, slots=True)
class VmDisks:
    """The disks of a VM: in the domain that runs (none when it is off) and in its stored definition."""

    running: Annotated[tuple[AttachedDisk, ...], Meta(max_length=MOST_DISKS)] = ()
    stored: Annotated[tuple[Id, ...], Meta(max_length=MOST_DISKS)] = ()

    def holds(self, volume_id: str) -> bool:
        """Whether the VM still has the volume, now or at its next start."""
        return volume_id in self.stored or any(disk.id == volume_id for disk in self.running)


@dataclass(frozen=True, slots=True)
class GuestMounts:
    """Where a guest has a disk mounted, by volume id. `asked` is False when there was no guest agent to ask."""

    asked: bool
    mounts: Annotated[
        dict[Id, Annotated[tuple[Line, ...], Meta(max_length=MOST_MOUNTS)]], Meta(max_length=MOST_DISKS)
    ] = field(default_factory=dict)


INTERNAL_SLOT, EXTERNAL_SLOT = 0, 1

ELASTIC_SLOTS = range(2, 8)


@dataclass(frozen=True, slots=True)
class NicAttachment:
    """One NIC of a VM; `port_id` is the fabric port it plugs into. mtu in bytes.

    `slot` gives the device its place: the internal NIC has 0, the external 1, elastic ones 2 to 7. A NIC keeps it while
    it is attached, so the guest finds its NICs in the same order whichever are there.
    """

    port_id: str
    mac: str
    mtu: int = VPC_MTU
    slot: int = INTERNAL_SLOT


@dataclass(frozen=True, slots=True)
class VmNics:
    """The NICs of a VM, by port: in the domain that runs (none when it is off) and in its stored definition."""

    running: Annotated[tuple[Id, ...], Meta(max_length=MOST_NICS)] = ()
    stored: Annotated[tuple[Id, ...], Meta(max_length=MOST_NICS)] = ()

    def holds(self, port_id: str) -> bool:
        """Whether the VM still has the NIC, now or at its next start."""
        return port_id in self.stored or port_id in self.running
