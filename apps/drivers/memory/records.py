"""The records of a pretend region and the tables that hold them."""

from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

from apps.drivers.orders import Fence
from apps.drivers.specs import (
    DiskAttachment,
    EdgeSpec,
    ExternalPortSpec,
    GuestNetwork,
    GuestNetworkReason,
    HeartbeatPlan,
    Held,
    ImageInfo,
    ImageSpec,
    NicAttachment,
    PauseReason,
    PoolKey,
    PortSpec,
    Power,
    ProviderNetworkSpec,
    SecurityGroupSpec,
    SubnetSpec,
    TranslatedAddressSpec,
    Unfinished,
    VmSize,
    VmSpec,
    VolumeSpec,
    VpcSpec,
)

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Table(Generic[T]):
    """A named map from identifier to a record of one type."""

    name: str
    record: type[T]


@dataclass(frozen=True, slots=True)
class MemoryHost:
    """A pretend host: whether it answers, how often it was booted, and whether it has power (and so renews its
    heartbeat on the storage)."""

    up: bool = True
    boots: int = 1
    powered: bool = True


NOT_HELD = Held(frozen=False, paused=False)
NO_SIZE = VmSize()


@dataclass(frozen=True, slots=True)
class MemoryVm:
    """A defined VM. `off_at` is the time at which a guest that was asked to shut down has done so, 0 for never.

    `live` are the disks that the running VM has, `open_disks` their volumes; `spec` may have changed since. A guest
    that `releases` nothing keeps what it is asked to let go; `mounted` is what it has mounted, by volume. `paused` by
    its host until `cause_gone`, and resumed. `held` until a time. `live_nics` are the NICs that the running VM has,
    `network` is what its guest agent shall configure, which it does unless it is `network_refused`; `passwords` are
    those it has set, by user, which it does unless it `refuses_passwords`. `size` is that of the running VM.
    """

    spec: VmSpec
    power: Power = Power.OFF
    boot: int = 0
    started_at: float = 0.0
    off_at: float = 0.0
    open_disks: tuple[str, ...] = ()
    console_until: float = 0.0
    paused: PauseReason = PauseReason.NONE
    cause_gone: bool = False
    guest_agent: bool = True
    live: tuple[DiskAttachment, ...] = ()
    releases: bool = True
    mounted: dict[str, tuple[str, ...]] = field(default_factory=dict)
    held: Held = NOT_HELD
    held_until: float = 0.0
    live_nics: tuple[NicAttachment, ...] = ()
    network: GuestNetwork | None = None
    network_refused: GuestNetworkReason = GuestNetworkReason.NONE
    size: VmSize = NO_SIZE
    passwords: dict[str, str] = field(default_factory=dict)
    refuses_passwords: bool = False


@dataclass(frozen=True, slots=True)
class MemoryImage:
    """An image; `content` is what the volume held that it was made of, "" for an imported one."""

    spec: ImageSpec
    info: ImageInfo
    content: str = ""


@dataclass(frozen=True, slots=True)
class MemoryDelivery:
    """A file that was delivered for an image: how long it is, and its first and last bytes."""

    size: int
    head: bytes
    tail: bytes


HOSTS = Table("hosts", MemoryHost)
IMAGES = Table("images", MemoryImage)
DELIVERIES = Table("deliveries", MemoryDelivery)
VOLUMES = Table("volumes", VolumeSpec)
UNFINISHED = Table("unfinished", Unfinished)
"""`pool/kind/id` → what a test has left there: nothing stays unfinished in a pretend pool."""
DISK_USERS = Table("disk_users", str)
"""Volume → "host/vm" of the running VM that has it open: what QEMU's image lock is on a real disk."""
POOL_KEYS = Table("pool_keys", PoolKey)
HEARTBEATS = Table("heartbeats", HeartbeatPlan)
"""`host/pool` → the key that the host keeps."""
SHUT_OUT = Table("shut_out", str)
"""The hosts whose clients the storage refuses."""
VPCS = Table("vpcs", VpcSpec)
VNIS = Table("vnis", str)
SUBNETS = Table("subnets", SubnetSpec)
PORTS = Table("ports", PortSpec)
PORT_HOSTS = Table("port_hosts", str)
"""Port → the hosts it is bound to, where it is not bound to whichever has the NIC."""
ADDRESSES = Table("addresses", str)
"""`subnet/ip` and `subnet/mac` → port."""
GROUPS = Table("groups", SecurityGroupSpec)
EDGES = Table("edges", EdgeSpec)
PROVIDER_NETWORKS = Table("provider_networks", ProviderNetworkSpec)
VLANS = Table("vlans", str)
"""`physical network/vlan` → provider network."""
EXTERNAL_PORTS = Table("external_ports", ExternalPortSpec)
TRANSLATED = Table("translated_addresses", TranslatedAddressSpec)
EXTERNAL_ADDRESSES = Table("external_addresses", str)
"""`edge/ip` and `edge/mac` → external port or translated address."""
UPLINKS = Table("uplinks", str)
"""`edge/number` → VPC."""
UNPROTECTED = Table("unprotected", str)
"""Identifier → how, where a test has taken a limit or an always-on rule away; ensuring it gives it back."""
ANSWERING = Table("answering", str)
"""`physical network/vlan/ip` → the MAC from which a machine of nobody answers there."""
FENCES = Table("fences", Fence)
"""VM, volume or image → the newest operation that changed it."""


def vms_of(host: str) -> Table[MemoryVm]:
    """Return the table of the VMs that `host` knows."""
    return Table(f"vms.{host}", MemoryVm)


class State(Protocol):
    """The records inside one exclusive call."""

    def get(self, table: Table[T], key: str) -> T | None:
        """Return one record."""

    def all(self, table: Table[T]) -> dict[str, T]:
        """Return a copy of a table."""

    def put(self, table: Table[T], key: str, record: T) -> None:
        """Write one record."""

    def delete(self, table: Table[T], key: str) -> None:
        """Remove one record if it is there."""
