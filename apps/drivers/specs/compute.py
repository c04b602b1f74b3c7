"""Virtual machines, and what hosts say of them and of themselves."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Annotated

from msgspec import Meta

from apps.drivers.bounds import MOST_VMS, Counter, Id, Line, Measure, Number, Port, Version, Word
from apps.drivers.specs.network import VPC_MTU
from apps.drivers.specs.storage import VolumeSpec

MOST_DISKS, MOST_MOUNTS, MOST_NICS = 32, 64, 32
MOST_SCREEN_WIDTH, MOST_SCREEN_HEIGHT = 400, 300
"""Pixels of a screenshot; a larger screen is scaled down to fit."""


class Power(StrEnum):
    ON = "on"
    OFF = "off"


class OsFamily(StrEnum):
    """What the guest expects of its computer: clock, timers, sockets."""

    LINUX = "linux"
    WINDOWS = "windows"


class Architecture(StrEnum):
    X86 = "x86_64"
    ARM = "aarch64"


class PauseReason(StrEnum):
    """Why a VM that is on does not run: its host paused it. "" is a VM that runs, or is off."""

    NONE = ""
    NO_SPACE = "no_space"
    IO_ERROR = "io_error"
    WATCHDOG = "watchdog"
    MIGRATION = "migration"
    OTHER = "other"


RESUMABLE = frozenset({PauseReason.NO_SPACE, PauseReason.IO_ERROR})
"""What a VM may be resumed from when the cause is gone; of all else somebody else takes care."""


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


@dataclass(frozen=True, slots=True)
class Held:
    """How a VM was brought to rest: `frozen`, its file systems by the guest agent; `paused`, its processors."""

    frozen: bool
    paused: bool


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


@dataclass(frozen=True, slots=True)
class GuestAddress:
    """An address that a guest shall have on a NIC, with its prefix; routes go by `gateway`, which may be off-link."""

    address: str
    gateway: str
    routes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class GuestNic:
    """What a guest shall have on the NIC with this MAC beside what DHCP gives it.

    Replies from these addresses leave by this NIC, whatever the default route (a table of routes of its own in the
    guest). What the platform put there earlier and is not named any more goes; the guest's own settings stay.
    """

    mac: str
    addresses: tuple[GuestAddress, ...] = ()


@dataclass(frozen=True, slots=True)
class GuestNetwork:
    """All of a VM that its guest agent configures. The host keeps it and applies it again when the guest has booted."""

    nics: tuple[GuestNic, ...] = ()
    generation: int = 1

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to configure in the guest."""
        return not any(nic.addresses for nic in self.nics)


class GuestNetworkReason(StrEnum):
    """Why a guest does not have the network that it shall have; `apps.drivers.guest_network` has the words."""

    NONE = ""
    OFF = "off"
    PAUSED = "paused"
    NO_AGENT = "no_agent"
    SILENT = "silent"
    FORBIDDEN = "forbidden"
    NO_TOOLS = "no_tools"
    UNSUPPORTED = "unsupported"
    NO_NIC = "no_nic"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class GuestNetworkState:
    """`applied`: the guest has all of it. Otherwise `reason` says why not, and `detail` what the guest said."""

    applied: bool
    reason: GuestNetworkReason = GuestNetworkReason.NONE
    detail: Line = ""


@dataclass(frozen=True, slots=True)
class SeedNic:
    """A NIC that a guest with cloud-init configures by DHCP. One that gets no answer holds up the boot of some images:
    an external NIC without an address has none here.

    `slot` as in `NicAttachment`: it names the device (eth0, eth1, …), and of two default routes the lower one's wins,
    unless the other is the VM's egress.
    """

    mac: str
    slot: int = INTERNAL_SLOT
    dhcp6: bool = False
    is_egress: bool = False


@dataclass(frozen=True, slots=True)
class SeedSpec:
    """First-boot data, handed to the guest as a NoCloud image.

    `password_hash` is a crypt(3) string ($6$…), never the password. `user_data` is passed on untouched. After the first
    boot only host name and NICs are left; the instance id stays the VM's, so that it is no new one for the guest.
    """

    hostname: str
    password_hash: str = ""
    ssh_keys: tuple[str, ...] = ()
    user_data: str = ""
    nics: tuple[SeedNic, ...] = ()

    @property
    def is_secret(self) -> bool:
        """Whether it holds anything that only the guest itself may read."""
        return bool(self.password_hash or self.user_data)


@dataclass(frozen=True, slots=True)
class VmSpec:
    """A VM as it should be defined on its host. memory in MiB; cpu_percent caps the VM's CPU (100 = one full core).

    `uid` is the user and the group of its QEMU process, and of no other VM's, on any host.
    """

    id: str
    name: str
    vcpu: int
    memory_mib: int
    disks: tuple[DiskAttachment, ...]
    nics: tuple[NicAttachment, ...]
    seed: SeedSpec
    uid: int
    cpu_percent: int = 0
    generation: int = 1
    os_family: OsFamily = OsFamily.LINUX
    architecture: Architecture = Architecture.X86


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
class ConsoleAddress:
    """Where a VM's VNC server listens on the management network."""

    host: Line
    port: Port


@dataclass(frozen=True, slots=True)
class Screenshot:
    """What a VM's screen shows, scaled down: three bytes a pixel (RGB), row by row from the top."""

    id: Id
    width: Annotated[int, Meta(ge=1, le=MOST_SCREEN_WIDTH)]
    height: Annotated[int, Meta(ge=1, le=MOST_SCREEN_HEIGHT)]
    pixels: Annotated[bytes, Meta(max_length=3 * MOST_SCREEN_WIDTH * MOST_SCREEN_HEIGHT)]


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
