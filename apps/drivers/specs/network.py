"""The network fabric: VPCs, subnets, ports, security groups."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

CONNECTION_LIMIT = 65_536
"""Of a NIC, where nobody chose another."""
VPC_MTU = 1442
"""Of everything in a VPC: between hosts its packets pass a tunnel."""


class Direction(StrEnum):
    IN = "in"
    OUT = "out"


class RuleAction(StrEnum):
    """REJECT answers the sender: a TCP reset, or ICMP "unreachable" for everything else. DROP answers nothing."""

    ACCEPT = "accept"
    REJECT = "reject"
    DROP = "drop"


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


class FabricSpec(Protocol):
    """One object of the fabric. Its class names the kind, which `apps.drivers.fabric` declares."""

    @property
    def id(self) -> str:
        """Its identifier."""

    @property
    def generation(self) -> int:
        """That of the row it was made from."""


@dataclass(frozen=True, slots=True)
class VpcSpec:
    """A router of its own: an isolated layer-2/3 domain. `vni` is its globally unique network identifier."""

    id: str
    vni: int
    generation: int = 1


@dataclass(frozen=True, slots=True)
class SubnetSpec:
    """A subnet with DHCP; `gateway` is its first address. Its VPC must exist.

    With `cidr6` and `gateway6` it has IPv6 as well: its ports get an address by DHCPv6 and a route by advertisements.
    """

    id: str
    vpc_id: str
    cidr: str
    gateway: str
    gateway_mac: str
    dns: tuple[str, ...] = ()
    mtu: int = VPC_MTU
    generation: int = 1
    cidr6: str = ""
    gateway6: str = ""


@dataclass(frozen=True, slots=True)
class PortSpec:
    """A NIC's place in a subnet. Traffic with another source MAC or address is dropped.

    `security_group_ids` empty means unfiltered; a group without rules denies everything. `connection_limit`: how many
    connections the NIC may have tracked at once on its host, 0 for what its subnet has for all. `default_route`: DHCP
    hands out the default route; without it only that of the VPC. mbit limits what it receives and sends; 0 means
    unlimited. Its subnet and groups must exist, with `ip6` its subnet's IPv6, too.
    """

    id: str
    subnet_id: str
    mac: str
    ip: str
    security_group_ids: tuple[str, ...] = ()
    generation: int = 1
    connection_limit: int = CONNECTION_LIMIT
    ip6: str = ""
    default_route: bool = True
    mbit_in: int = 0
    mbit_out: int = 0


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
    """A stateful group: what no rule accepts is denied; of two matching rules the higher priority wins.

    It holds exactly these rules; they act at once, on open connections too.
    """

    id: str
    rules: tuple[RuleSpec, ...] = ()
    generation: int = 1


@dataclass(frozen=True, slots=True)
class FabricInventory:
    """Everything of ours in the fabric: by class of spec, identifier → generation.

    `connection_limits`: that of each port. `unprotected`: VPCs, subnets and ports that lack a limit or an always-on
    rule which all of their kind have, or have it otherwise: an older version made them, or another hand changed them.
    """

    generations: dict[type[FabricSpec], dict[str, int]] = field(default_factory=dict)
    connection_limits: dict[str, int] = field(default_factory=dict)
    unprotected: frozenset[str] = frozenset()

    def of(self, kind: type[FabricSpec]) -> dict[str, int]:
        """Return identifier → generation of one kind."""
        return self.generations.get(kind, {})
