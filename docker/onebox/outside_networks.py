"""The two networks outside the platform that an instance comes with, as its external segments describe them."""

from __future__ import annotations

from dataclasses import dataclass

PHYSICAL_NETWORK = "physnet1"


@dataclass(frozen=True)
class Block:
    """One CIDR of a network: its gateway outside, the edge's own address, and the routes handed out with addresses."""

    cidr: str
    gateway: str
    router_address: str
    routes: tuple[str, ...]


@dataclass(frozen=True)
class OutsideNetwork:
    """A VLAN with a gateway that answers ping, DNS and a web page, and a `server` behind it that does so too."""

    name: str
    vlan: int
    blocks: tuple[Block, ...]
    server: tuple[str, ...]


INTERNET = OutsideNetwork(
    "internet",
    101,
    (
        Block("203.0.113.0/24", "203.0.113.1", "203.0.113.3", ("0.0.0.0/0",)),
        Block("2001:db8:101::/64", "2001:db8:101::1", "2001:db8:101::3", ("::/0",)),
    ),
    ("198.51.100.10/32", "2001:db8:ffff::10/128"),
)
DATACENTRE = OutsideNetwork(
    "datacentre",
    102,
    (
        Block("172.20.1.0/24", "172.20.1.1", "172.20.1.3", ("172.20.1.0/24", "172.21.0.0/16")),
        Block("fd00:102::/64", "fd00:102::1", "fd00:102::3", ("fd00:102::/64", "fd00:210::/48")),
    ),
    ("172.21.0.10/32", "fd00:210::10/128"),
)
NETWORKS = (INTERNET, DATACENTRE)
