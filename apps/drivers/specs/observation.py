"""What hosts say of themselves and of their VMs."""

from dataclasses import dataclass
from typing import Annotated

from msgspec import Meta

from apps.drivers.bounds import MOST_VMS, Counter, Id, Line, Measure, Number, Version, Word
from apps.drivers.specs.compute import PauseReason, Power
from apps.drivers.specs.devices import MOST_DISKS, MOST_NICS
from apps.drivers.specs.guest_network import GuestNetworkReason
from apps.drivers.specs.usage import HostUsage, VmUsage


@dataclass(frozen=True, slots=True)
class ReportedDisk:
    """A disk of a VM as its host reports it: of the VM that runs, else of its definition. Limits of 0 mean unlimited.

    `size_bytes` is what the guest sees, 0 where it is not known: the VM is off, or its process is busy.
    """

    id: Id
    size_bytes: Counter = 0
    iops: Counter = 0
    bytes_per_second: Counter = 0


@dataclass(frozen=True, slots=True)
class VmStatus:
    """A VM as the host sees it. `boot` is the number given with the last power-on, 0 when there was none.

    `paused` says why a VM that is on does not run. `resumable`: the cause is gone, as far as the host can tell.
    `disks` and `nics` (by port), of the VM that runs, else of its definition, are named in reports only; None: not
    looked at.
    `guest_agent`: the guest agent has connected; looked at only while the seed holds secrets. `guest_network`: the
    generation of the `GuestNetwork` that the guest has, 0 while it has not; then the reason says why, if there is one.
    """

    id: Id
    exists: bool
    power: Power = Power.OFF
    boot: Number = 0
    generation: Number = 0
    paused: PauseReason = PauseReason.NONE
    resumable: bool = False
    guest_agent: bool = False
    disks: Annotated[tuple[ReportedDisk, ...], Meta(max_length=MOST_DISKS)] | None = None
    guest_network: Number = 0
    guest_network_reason: GuestNetworkReason = GuestNetworkReason.NONE
    nics: Annotated[tuple[Id, ...], Meta(max_length=MOST_NICS)] | None = None


@dataclass(frozen=True, slots=True)
class HostObservation:
    """What a host reports of itself: capacity, platform, load and every VM it knows.

    `host_usage` and `usage` (of running VMs) travel apart from the rest, less often: see `apps.drivers.usage`.
    """

    architecture: Word
    cpu_model: Line
    vcpus: Number
    memory_mib: Number
    virtualisation: Word
    hypervisor_version: Version
    load_percent: Measure = 0.0
    memory_used_mib: Number = 0
    vms: Annotated[tuple[VmStatus, ...], Meta(max_length=MOST_VMS)] = ()
    usage: Annotated[tuple[VmUsage, ...], Meta(max_length=MOST_VMS)] = ()
    host_usage: HostUsage | None = None
