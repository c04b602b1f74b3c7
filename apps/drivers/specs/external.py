"""The way out of a region: provider networks, external ports and their addresses (docs/concepts/external.md)."""

from dataclasses import dataclass

from apps.drivers.bounds import Mac, Mark
from apps.drivers.specs.network import CONNECTION_LIMIT

MOST_PROBED = 64
"""Addresses that a host is asked to look for at once."""


@dataclass(frozen=True, slots=True)
class EdgeSpec:
    """A region's edge: one router with a port on each provider network, and the switch that external ports are on.

    `hosts`: names of the hosts that may carry what is not distributed, the preferred one first. `mac` is the router's
    on the switch, where guests have it as their gateway (`GATEWAY_V4`, `GATEWAY_V6`). `mtu` is that of the provider
    networks, and handed out by DHCP: nothing between the edge's guests and outside passes a tunnel.
    """

    id: str
    mac: str
    hosts: tuple[str, ...]
    mtu: int = 1500
    generation: int = 1


@dataclass(frozen=True, slots=True)
class ExternalNetwork:
    """One CIDR on a provider network. `router_address` is the edge's own in it; `gateway` is outside the platform."""

    cidr: str
    gateway: str
    router_address: str


@dataclass(frozen=True, slots=True)
class ProviderNetworkSpec:
    """A VLAN of a physical network (0: untagged), with the CIDRs on it. Its edge must exist.

    A packet leaves by the network that its source address belongs to, whatever its destination.
    """

    id: str
    edge_id: str
    physical_network: str
    vlan: int
    mac: str
    networks: tuple[ExternalNetwork, ...]
    generation: int = 1


@dataclass(frozen=True, slots=True)
class ExternalAddress:
    """An address of an external port. `routes` are the destinations handed out with it ("0.0.0.0/0": the default).

    mbit limits it in each direction; 0 means unlimited.
    """

    ip: str
    provider_network_id: str
    routes: tuple[str, ...] = ()
    mbit_in: int = 0
    mbit_out: int = 0


@dataclass(frozen=True, slots=True)
class ExternalPortSpec:
    """An external NIC's place on the edge. It may use exactly these addresses; the first is handed out by DHCP.

    Addresses answer on their provider network while they are here, from the host that the NIC is on, and nowhere once
    they are gone. One that another port still has is refused (`fabric.address_in_use`): take it away there first.
    `default_route`: DHCP hands out a default route where a route of its address is one. mbit limits all addresses
    together; 0 means unlimited.
    """

    id: str
    edge_id: str
    mac: str
    addresses: tuple[ExternalAddress, ...] = ()
    default_route: bool = True
    security_group_ids: tuple[str, ...] = ()
    connection_limit: int = CONNECTION_LIMIT
    mbit_in: int = 0
    mbit_out: int = 0
    generation: int = 1


@dataclass(frozen=True, slots=True)
class TranslatedAddressSpec:
    """An address by one-to-one NAT on a VPC's router, for guests that cannot configure it: inside it is `inside_ip`.

    `uplink` numbers the VPC's link to the edge, unique in the region (1 to MOST_UPLINKS). Edge, VPC, provider network
    and the port with `inside_ip` must exist.
    """

    id: str
    edge_id: str
    vpc_id: str
    uplink: int
    address: ExternalAddress
    inside_ip: str
    generation: int = 1


MOST_UPLINKS = 32_000
GATEWAY_V4, GATEWAY_V6 = "169.254.77.1", "fd77::1"
"""The edge as guests see it; link-local, so no segment and no VPC has these addresses."""


@dataclass(frozen=True, slots=True)
class FoundAddress:
    """An address that answers on a provider network, and from which MAC."""

    ip: Mark
    mac: Mac
