"""Virtual machines and their screens."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Annotated

from msgspec import Meta

from apps.drivers.bounds import Id, Line, Number, Port
from apps.drivers.specs.devices import INTERNAL_SLOT, DiskAttachment, NicAttachment

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


class Firmware(StrEnum):
    """What a VM starts with. An Arm VM always starts with UEFI."""

    BIOS = "bios"
    UEFI = "uefi"
    SECURE_BOOT = "secure_boot"


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
class Held:
    """How a VM was brought to rest: `frozen`, its file systems by the guest agent; `paused`, its processors."""

    frozen: bool
    paused: bool


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
class GuestPassword:
    """The new password of a user in the guest of the VM `id`: in clear text, or as a crypt(3) string (`is_hash`)."""

    id: str
    user: str
    password: str = field(repr=False)
    is_hash: bool = False


@dataclass(frozen=True, slots=True)
class VmSpec:
    """A VM as it should be defined on its host. memory in MiB; cpu_percent caps the VM's CPU (100 = one full core).

    `uid` is the user and the group of its QEMU process, and of no other VM's, on any host. `most_vcpu`,
    `most_memory_mib`: up to what it can grow while it runs; 0: not at all.
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
    most_vcpu: int = 0
    most_memory_mib: int = 0
    firmware: Firmware = Firmware.BIOS

    @property
    def is_express(self) -> bool:
        """Whether its bus is PCI Express, on which devices need ports: of an Arm machine, and of a PC with UEFI."""
        return self.architecture is not Architecture.X86 or self.firmware is not Firmware.BIOS

    @property
    def can_grow(self) -> bool:
        """Whether it is defined so that it can get more while it runs."""
        return self.most_vcpu > 0 and self.most_memory_mib > 0


@dataclass(frozen=True, slots=True)
class VmSize:
    """vCPUs and memory (MiB) of a VM that runs, and up to what it can grow; all 0 of one that does not run."""

    vcpu: Number = 0
    memory_mib: Number = 0
    most_vcpu: Number = 0
    most_memory_mib: Number = 0

    @property
    def runs(self) -> bool:
        """Whether there is a VM that runs."""
        return self.vcpu > 0


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
