"""What drivers are told and what they answer: frozen dataclasses, never models.

Identifiers are UUID strings. `generation` is the desired generation of the row the spec was made from; drivers write it
into the backend (libvirt metadata, OVN external_ids) so that drift can be seen there.
"""

from dataclasses import dataclass, field
from enum import StrEnum

from apps.drivers.bounds import Counter, Id, Line, Measure, Number, Port, Version, Word


class Power(StrEnum):
    ON = "on"
    OFF = "off"


# -- volumes ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class PoolSpec:
    """Where volumes live. `driver` is "file" (a directory every host of the pool mounts) or, later, "rbd"."""

    id: str
    driver: str
    path: str


@dataclass(frozen=True, slots=True)
class ImageSpec:
    """An image kept in a pool as the read-only parent of thin system disks."""

    id: str
    pool: PoolSpec


@dataclass(frozen=True, slots=True)
class ImageInfo:
    """What the pool knows of an image after its import."""

    virtual_bytes: Counter
    stored_bytes: Counter
    source_format: Word


@dataclass(frozen=True, slots=True)
class VolumeSpec:
    """A disk: blank, or a thin clone of `image_id` in the same pool. Limits of 0 mean unlimited."""

    id: str
    pool: PoolSpec
    size_gib: int
    image_id: str | None = None
    generation: int = 1


@dataclass(frozen=True, slots=True)
class PoolObservation:
    """Capacity of a pool and the identifiers of what it holds."""

    capacity_bytes: Counter
    used_bytes: Counter
    volumes: tuple[str, ...] = ()
    images: tuple[str, ...] = ()


class PoolKind(StrEnum):
    VOLUME = "volume"
    IMAGE = "image"


@dataclass(frozen=True, slots=True)
class Unfinished:
    """Files that a run was writing for a volume or image, and for how long nobody has written to any of them."""

    kind: PoolKind
    id: str
    idle_seconds: float


@dataclass(frozen=True, slots=True)
class PoolInventory:
    """Everything of ours in a pool: identifier → size of the disk inside in bytes, and what never became whole."""

    volumes: dict[str, int] = field(default_factory=dict)
    images: dict[str, int] = field(default_factory=dict)
    unfinished: tuple[Unfinished, ...] = ()


# -- virtual machines ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class DiskAttachment:
    """One disk of a VM, in boot order. iops and bytes_per_second of 0 mean unlimited."""

    volume: VolumeSpec
    iops: int = 0
    bytes_per_second: int = 0


@dataclass(frozen=True, slots=True)
class NicAttachment:
    """One NIC of a VM; `port_id` is the fabric port it plugs into. mtu in bytes."""

    port_id: str
    mac: str
    mtu: int = 1442


@dataclass(frozen=True, slots=True)
class SeedSpec:
    """First-boot data, handed to the guest as a NoCloud image.

    `password_hash` is a crypt(3) string ($6$…), never the password. `user_data` is passed on untouched.
    """

    hostname: str
    password_hash: str = ""
    ssh_keys: tuple[str, ...] = ()
    user_data: str = ""


@dataclass(frozen=True, slots=True)
class VmSpec:
    """A VM as it should be defined on its host. memory in MiB; cpu_percent caps the VM's CPU (100 = one full core)."""

    id: str
    name: str
    vcpu: int
    memory_mib: int
    disks: tuple[DiskAttachment, ...]
    nics: tuple[NicAttachment, ...]
    seed: SeedSpec
    cpu_percent: int = 0
    generation: int = 1


@dataclass(frozen=True, slots=True)
class VmStatus:
    """A VM as the host sees it. `boot` is the number given with the last power-on, 0 when there was none."""

    id: Id
    exists: bool
    power: Power = Power.OFF
    boot: Number = 0
    generation: Number = 0


@dataclass(frozen=True, slots=True)
class ConsoleAddress:
    """Where a VM's VNC server listens on the management network."""

    host: Line
    port: Port


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
    vms: tuple[VmStatus, ...] = ()
    usage: tuple[VmUsage, ...] = ()
    host_usage: HostUsage | None = None


# -- network fabric --------------------------------------------------------------------------------------------------


class Direction(StrEnum):
    IN = "in"
    OUT = "out"


class RuleAction(StrEnum):
    ACCEPT = "accept"
    REJECT = "reject"


class RulePriority(StrEnum):
    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"


class RuleProtocol(StrEnum):
    ALL = "all"
    TCP = "tcp"
    UDP = "udp"
    ICMPV4 = "icmpv4"
    ICMPV6 = "icmpv6"
    GRE = "gre"


@dataclass(frozen=True, slots=True)
class VpcSpec:
    """An isolated layer-2/3 domain. `vni` is its globally unique network identifier."""

    id: str
    vni: int
    generation: int = 1


@dataclass(frozen=True, slots=True)
class SubnetSpec:
    """A subnet with DHCP; `gateway` is its first address."""

    id: str
    vpc_id: str
    cidr: str
    gateway: str
    gateway_mac: str
    dns: tuple[str, ...] = ()
    mtu: int = 1442
    generation: int = 1


@dataclass(frozen=True, slots=True)
class PortSpec:
    """A NIC's place in a subnet. Traffic with another source MAC or address is dropped.

    `security_group_ids` empty means unfiltered; a group without rules denies everything.
    """

    id: str
    subnet_id: str
    mac: str
    ip: str
    security_group_ids: tuple[str, ...] = ()
    generation: int = 1


@dataclass(frozen=True, slots=True)
class RuleSpec:
    """One security group rule. `port_min`/`port_max` are None for protocols without ports and for "all ports"."""

    direction: Direction
    protocol: RuleProtocol
    action: RuleAction
    priority: RulePriority
    cidr: str
    port_min: int | None = None
    port_max: int | None = None


@dataclass(frozen=True, slots=True)
class SecurityGroupSpec:
    """A stateful group: what no rule accepts is denied; of two matching rules the higher priority wins."""

    id: str
    rules: tuple[RuleSpec, ...] = ()
    generation: int = 1


class FabricKind(StrEnum):
    VPC = "vpc"
    SUBNET = "subnet"
    PORT = "port"
    SECURITY_GROUP = "security_group"


@dataclass(frozen=True, slots=True)
class FabricInventory:
    """Identifier → generation of everything of ours in the fabric, by kind."""

    vpcs: dict[str, int] = field(default_factory=dict)
    subnets: dict[str, int] = field(default_factory=dict)
    ports: dict[str, int] = field(default_factory=dict)
    security_groups: dict[str, int] = field(default_factory=dict)
