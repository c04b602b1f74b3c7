"""One address on the edge: an identity NAT row, a route and a MAC address, all named by the address.

They make the address answer on its provider network from the host of a port, and bring its packets to that port. Since
their identifiers come from edge and address, no two owners can have one, whoever races.
"""

import ipaddress
import uuid
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from apps.drivers.fabric_errors import external_address_in_use, missing_provider_network
from apps.drivers.ovn.edge import OUTSIDE
from apps.drivers.ovn.rows import derived, ensure_child, ensure_row, find, labels
from apps.drivers.specs import ExternalAddress

HERALDS = ipaddress.IPv4Network("240.0.0.0/4")


@dataclass(frozen=True, slots=True)
class Place:
    """Where an address is: its owner, the port whose host it answers from, and the edge router's port towards it."""

    edge_id: str
    owner: str
    port: str
    mac: str
    towards: str


def ensure_address(ends: tuple[Any, Any], place: Place, address: ExternalAddress) -> None:
    """Bring an address to its place. Refused while another has it."""
    replica, transaction = ends
    router = find(replica, "Logical_Router", uuid.UUID(place.edge_id))
    gateway = derived(address.provider_network_id, "gateway")
    if find(replica, "Logical_Router_Port", gateway) is None:
        raise missing_provider_network(place.owner, address.provider_network_id)
    ip = address.ip
    about = {
        "external_ids": labels(
            "address", place.owner, 0, network=address.provider_network_id, edge=place.edge_id
        )
    }
    for part, external_ip in _translations(place.edge_id, ip).items():
        nat = {
            "type": "dnat_and_snat",
            "external_ip": external_ip,
            "logical_ip": external_ip,
            "logical_port": [place.port],
            "external_mac": [outside_mac(place.edge_id, ip)],
            "gateway_port": [gateway],
            "options": {"stateless": "true"},
            **about,
        }
        ensure_child(ends, "NAT", _id(place.edge_id, part, ip), nat, (router, "nat"))
    bits = ipaddress.ip_address(ip).max_prefixlen
    route = {
        "ip_prefix": f"{ip}/{bits}",
        "nexthop": ip,
        "output_port": [place.towards],
        "route_table": OUTSIDE,
        **about,
    }
    ensure_child(
        ends, "Logical_Router_Static_Route", _id(place.edge_id, "route", ip), route, (router, "static_routes")
    )
    # Without the override OVN would go on with the MAC it learned where the address was before.
    binding = {
        "logical_port": place.towards,
        "ip": ip,
        "mac": place.mac,
        "override_dynamic_mac": True,
    }
    ensure_row(replica, transaction, "Static_MAC_Binding", _id(place.edge_id, "mac", ip), binding)


def refuse_taken(replica: Any, edge_id: str, owner: str, ip: str) -> None:
    """Raise when another than `owner` has the address."""
    nat = find(replica, "NAT", _id(edge_id, "nat", ip))
    if nat is not None and nat.external_ids.get("scloud:id") != owner:
        raise external_address_in_use(owner, ip)


def remove_address(replica: Any, edge_id: str, owner: str, ip: str) -> None:
    """Take an address away, unless another has it by now."""
    nat = find(replica, "NAT", _id(edge_id, "nat", ip))
    if nat is not None and nat.external_ids.get("scloud:id") != owner:
        return
    router = find(replica, "Logical_Router", uuid.UUID(edge_id))
    route = find(replica, "Logical_Router_Static_Route", _id(edge_id, "route", ip))
    herald = find(replica, "NAT", _id(edge_id, "herald", ip))
    for column, row in (("nat", nat), ("nat", herald), ("static_routes", route)):
        if router is not None and row is not None:
            router.delvalue(column, row)
    if (binding := find(replica, "Static_MAC_Binding", _id(edge_id, "mac", ip))) is not None:
        binding.delete()


def address_holds(replica: Any, edge_id: str, owner: str, mac: str, ip: str) -> bool:
    """Whether the address is with its owner, and its packets come there."""
    nat = find(replica, "NAT", _id(edge_id, "nat", ip))
    binding = find(replica, "Static_MAC_Binding", _id(edge_id, "mac", ip))
    return (
        nat is not None
        and nat.external_ids.get("scloud:id") == owner
        and nat.external_mac == [outside_mac(edge_id, ip)]
        and binding is not None
        and binding.mac == mac
        and binding.override_dynamic_mac is True
        and all(
            find(replica, "NAT", _id(edge_id, part, ip)) is not None for part in _translations(edge_id, ip)
        )
        and find(replica, "Logical_Router_Static_Route", _id(edge_id, "route", ip)) is not None
    )


def outside_mac(edge_id: str, ip: str) -> str:
    """Return the MAC by which an address is known outside: its own, so that no neighbour has to forget a port's.

    When the address moves, a frame from its new host is all that the switches on the way need.
    """
    digest = sha256(f"{edge_id} {ip}".encode()).digest()
    return ":".join(f"{byte:02x}" for byte in (0x0A, *digest[:5]))


def _translations(edge_id: str, ip: str) -> dict[str, str]:
    """Return the addresses that OVN translates to themselves for one, by the part of it that each row is.

    OVN announces IPv4 addresses only, so an IPv6 one has a herald with its MAC: an IPv4 address that nobody uses
    (240.0.0.0/4). Without it switches outside would send to the former host until they forget.
    """
    if ":" not in ip:
        return {"nat": ip}
    digest = sha256(f"{edge_id} {ip}".encode()).digest()
    herald = HERALDS.network_address + int.from_bytes(digest[5:9], "big") % (HERALDS.num_addresses - 2) + 1
    return {"nat": ip, "herald": str(herald)}


def _id(edge_id: str, part: str, ip: str) -> uuid.UUID:
    return derived(edge_id, f"{part} {ip}")
