"""One-to-one NAT on a VPC's router, for guests that cannot have an external address themselves.

The router is linked to the edge while it has such addresses. Both NAT rows, the translating one there and the edge's
own, are distributed by the inside port: packets leave from the host of the guest and need no gateway on the way.
"""

import ipaddress
import uuid
from typing import Any

from apps.drivers.errors import DriverError
from apps.drivers.errors import mark as _
from apps.drivers.fabric_errors import missing_edge, missing_inside_port, missing_vpc, uplink_in_use
from apps.drivers.ovn import bandwidth, edge
from apps.drivers.ovn.edge import LINKS, find_switch, port_name
from apps.drivers.ovn.external_addresses import (
    Place,
    address_holds,
    ensure_address,
    refuse_taken,
    remove_address,
)
from apps.drivers.ovn.rows import Columns, derived, drop_children, ensure_child, find, labels
from apps.drivers.specs import MOST_UPLINKS, TranslatedAddressSpec

TRANSLATED, UNTRANSLATED = 200, 100
"""Priorities of the router's policies on what leaves by the link."""
FIRST_LINK_V4 = ipaddress.IPv4Address("169.254.128.0")
FIRST_LINK_V6 = ipaddress.IPv6Address("fd78::")
WAYS = {"v4": ("0.0.0.0/0", edge.LINK_V4), "v6": ("::/0", edge.LINK_V6)}


def ensure_translated(replica: Any, transaction: Any, spec: TranslatedAddressSpec) -> None:
    """Make the VPC's link to the edge, the translation, its limits, and the address on its provider network."""
    ends = (replica, transaction)
    switch = find_switch(replica, spec.edge_id, LINKS)
    if switch is None:
        raise missing_edge(spec)
    router = find(replica, "Logical_Router", uuid.UUID(spec.vpc_id))
    if router is None:
        raise missing_vpc(spec)
    inside = _inside_port(replica, router, spec)
    ip = spec.address.ip
    refuse_taken(replica, spec.edge_id, spec.id, ip)
    before = find(replica, "NAT", uuid.UUID(spec.id))
    had: set[str] = set()
    if before is not None:
        had = bandwidth.parts_of(before)
        if before.external_ip != ip:
            remove_address(replica, spec.edge_id, spec.id, before.external_ip)
    _ensure_link(ends, spec, router, switch)
    mac = inside.addresses[0].split()[0]
    limits = bandwidth.address_limits(ip, _uplink(spec.vpc_id), spec.address.mbit_out, spec.address.mbit_in)
    nat: Columns = {
        "type": "dnat_and_snat",
        "external_ip": ip,
        "logical_ip": spec.inside_ip,
        "logical_port": [inside.name],
        "external_mac": [mac],
        "gateway_port": [derived(spec.vpc_id, "edge-gateway")],
        "external_ids": labels(
            "translated_address",
            spec.id,
            spec.generation,
            vpc=spec.vpc_id,
            edge=spec.edge_id,
            limits=bandwidth.ensure_limits(ends, switch, spec.id, limits, had),
        ),
    }
    ensure_child(ends, "NAT", uuid.UUID(spec.id), nat, (router, "nat"))
    policy = _translated_policy(spec)
    ensure_child(ends, "Logical_Router_Policy", derived(spec.id, "translated"), policy, (router, "policies"))
    place = Place(spec.edge_id, spec.id, inside.name, mac, port_name(LINKS, spec.edge_id))
    ensure_address(ends, place, spec.address)


def remove_translated(replica: Any, id: str) -> None:
    """Remove the translation; with the VPC's last one also the link."""
    nat = find(replica, "NAT", uuid.UUID(id))
    if nat is None:
        return
    about = nat.external_ids
    edge_id, vpc_id = about["scloud:edge"], about["scloud:vpc"]
    remove_address(replica, edge_id, id, nat.external_ip)
    switch = find_switch(replica, edge_id, LINKS)
    if switch is not None:
        bandwidth.drop_limits(replica, switch, id, bandwidth.parts_of(nat))
    router = find(replica, "Logical_Router", uuid.UUID(vpc_id))
    if router is None:
        return
    others = [
        row for row in router.nat if row.uuid != nat.uuid and row.external_ids.get("scloud:edge") == edge_id
    ]
    router.delvalue("nat", nat)
    drop_children((router, "policies"), "translated", id, keep=set())
    if not others:
        _remove_link(replica, vpc_id, router, switch)


def translated_holds(replica: Any, nat: Any) -> bool:
    """Whether the address is translated, and its packets come to the VPC."""
    about = nat.external_ids
    mac = nat.external_mac[0] if nat.external_mac else ""
    return (
        address_holds(replica, about["scloud:edge"], about["scloud:id"], mac, nat.external_ip)
        and bool(nat.logical_port)
        and find(replica, "Logical_Router_Port", derived(about["scloud:vpc"], "edge-gateway")) is not None
        and all(
            find(replica, "QoS", derived(about["scloud:id"], f"limit-{part}")) is not None
            for part in bandwidth.parts_of(nat)
        )
    )


def _gateway(vpc_id: str) -> str:
    return f"edge-link-gw-{vpc_id}"


def _uplink(vpc_id: str) -> str:
    return f"edge-link-up-{vpc_id}"


def _ensure_link(ends: tuple[Any, Any], spec: TranslatedAddressSpec, router: Any, switch: Any) -> None:
    """Make the router's port on the edge's network of links, its route there, and the drop of what has no address."""
    if not 1 <= spec.uplink <= MOST_UPLINKS:
        raise _invalid(spec)
    vpc_id = spec.vpc_id
    addresses = [f"{FIRST_LINK_V4 + spec.uplink}/17", f"{FIRST_LINK_V6 + spec.uplink}/64"]
    number = str(spec.uplink)
    id = derived(vpc_id, "edge-gateway")
    for other in switch.ports:
        if (
            other.external_ids.get("scloud:uplink") == number
            and other.external_ids.get("scloud:id") != vpc_id
        ):
            raise uplink_in_use(spec)
    about = {"external_ids": labels("edge-link", vpc_id, 0, uplink=number)}
    gateway: Columns = {
        "name": _gateway(vpc_id),
        "mac": _link_mac(spec.uplink),
        "networks": addresses,
        "ha_chassis_group": [edge.chassis_group(spec.edge_id)],
        **about,
    }
    ensure_child(ends, "Logical_Router_Port", id, gateway, (router, "ports"))
    uplink: Columns = {
        "name": _uplink(vpc_id),
        "type": "router",
        "options": {"router-port": _gateway(vpc_id)},
        "addresses": ["router"],
        **about,
    }
    ensure_child(ends, "Logical_Switch_Port", derived(vpc_id, "edge-uplink"), uplink, (switch, "ports"))
    for version, (prefix, nexthop) in WAYS.items():
        route = {"ip_prefix": prefix, "nexthop": nexthop, "output_port": [_gateway(vpc_id)], **about}
        ensure_child(
            ends,
            "Logical_Router_Static_Route",
            derived(vpc_id, f"edge-{version}"),
            route,
            (router, "static_routes"),
        )
    rest: Columns = {
        "priority": UNTRANSLATED,
        "match": f'outport == "{_gateway(vpc_id)}"',
        "action": "drop",
        **about,
    }
    ensure_child(ends, "Logical_Router_Policy", derived(vpc_id, "untranslated"), rest, (router, "policies"))


def _remove_link(replica: Any, vpc_id: str, router: Any, switch: Any | None) -> None:
    for column in ("static_routes", "policies"):
        drop_children((router, column), "edge-link", vpc_id, keep=set())
    gateway = find(replica, "Logical_Router_Port", derived(vpc_id, "edge-gateway"))
    if gateway is not None:
        router.delvalue("ports", gateway)
    uplink = find(replica, "Logical_Switch_Port", derived(vpc_id, "edge-uplink"))
    if switch is not None and uplink is not None:
        switch.delvalue("ports", uplink)


def _translated_policy(spec: TranslatedAddressSpec) -> Columns:
    family = "ip6" if ":" in spec.inside_ip else "ip4"
    return {
        "priority": TRANSLATED,
        "match": f'outport == "{_gateway(spec.vpc_id)}" && {family}.src == {spec.inside_ip}',
        "action": "allow",
        "external_ids": labels("translated", spec.id, 0),
    }


def _inside_port(replica: Any, router: Any, spec: TranslatedAddressSpec) -> Any:
    """Return the port of the VPC that has the inside address."""
    for gateway in router.ports:
        subnet_id = gateway.external_ids.get("scloud:id", "")
        id = replica.port_at(subnet_id, spec.inside_ip)
        if id is not None:
            return find(replica, "Logical_Switch_Port", id)
    raise missing_inside_port(spec)


def _link_mac(number: int) -> str:
    """Return the MAC of a VPC's router on the network of links, where all are different."""
    return f"02:fe:ed:00:{number >> 8:02x}:{number & 255:02x}"


def _invalid(spec: TranslatedAddressSpec) -> DriverError:
    return DriverError(
        _("Invalid uplink number: %(uplink)s."),
        values={"uplink": spec.uplink},
        code="fabric.invalid",
        permanent=True,
    )
