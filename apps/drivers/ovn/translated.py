"""One-to-one NAT on a VPC's router, for guests that cannot have an external address themselves.

The router is linked to the edge while it has such addresses. Both NAT rows, the translating one there and the edge's
own, are distributed by the inside port: packets leave from the host of the guest and need no gateway on the way.
"""

import uuid
from typing import Any

from apps.drivers.fabric_errors import missing_edge, missing_inside_port, missing_vpc
from apps.drivers.ovn import bandwidth
from apps.drivers.ovn.edge import LINKS, find_switch, port_name, uplink_name
from apps.drivers.ovn.edge_links import (
    UNTRANSLATED,
    ensure_link,
    link_gateway,
    remove_link,
)
from apps.drivers.ovn.external_addresses import (
    Place,
    address_holds,
    ensure_address,
    refuse_taken,
    remove_address,
)
from apps.drivers.ovn.rows import Columns, derived, drop_children, ensure_child, find, labels
from apps.drivers.specs import TranslatedAddressSpec

TRANSLATED = UNTRANSLATED + 100


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
    ensure_link(ends, spec, router, switch)
    mac = inside.addresses[0].split()[0]
    uplink, address = uplink_name(LINKS, spec.edge_id), spec.address
    limits = bandwidth.address_limits(ip, uplink, address.mbit_in, address.mbit_out)
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
        remove_link(replica, vpc_id, router, switch)


def translated_holds(replica: Any, nat: Any) -> bool:
    """Whether the address is translated, and its packets come to the VPC."""
    about = nat.external_ids
    mac = nat.external_mac[0] if nat.external_mac else ""
    return (
        address_holds(replica, about["scloud:edge"], about["scloud:id"], mac, nat.external_ip)
        and bool(nat.logical_port)
        and find(replica, "Logical_Router_Port", derived(about["scloud:vpc"], "edge-gateway")) is not None
        and bandwidth.limits_hold(replica, nat)
    )


def _translated_policy(spec: TranslatedAddressSpec) -> Columns:
    family = "ip6" if ":" in spec.inside_ip else "ip4"
    return {
        "priority": TRANSLATED,
        "match": f'outport == "{link_gateway(spec.vpc_id)}" && {family}.src == {spec.inside_ip}',
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
