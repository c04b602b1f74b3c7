"""External ports: places on the edge's switch, each with exactly its addresses."""

import ipaddress
import uuid
from typing import Any

from apps.drivers.fabric_errors import mac_in_use, missing_edge
from apps.drivers.ovn import bandwidth, fair_shares
from apps.drivers.ovn.bandwidth import Limit
from apps.drivers.ovn.dhcp import LEASE_SECONDS
from apps.drivers.ovn.edge import GUESTS, find_switch, port_name, uplink_name
from apps.drivers.ovn.edge_rules import port_group
from apps.drivers.ovn.external_addresses import (
    Place,
    address_holds,
    ensure_address,
    refuse_taken,
    remove_address,
)
from apps.drivers.ovn.ports import former_groups, groups_of, join
from apps.drivers.ovn.rows import derived, drop_keys, ensure_row, find, labels
from apps.drivers.specs import GATEWAY_V4, ExternalPortSpec


def ensure_external_port(replica: Any, transaction: Any, spec: ExternalPortSpec) -> None:
    """Make the port with its addresses, limits, DHCP and groups, and each address on its provider network."""
    ends, id, mac = (replica, transaction), uuid.UUID(spec.id), spec.mac.lower()
    edge = find(replica, "Logical_Router", uuid.UUID(spec.edge_id))
    switch = find_switch(replica, spec.edge_id, GUESTS)
    if edge is None or switch is None:
        raise missing_edge(spec)
    groups = groups_of(replica, spec)
    if replica.port_at(spec.edge_id, mac) not in (None, id):
        raise mac_in_use(spec)
    ips = [address.ip for address in spec.addresses]
    for ip in ips:
        refuse_taken(replica, spec.edge_id, spec.id, ip)
    before = find(replica, "Logical_Switch_Port", id)
    former = former_groups(before) if before is not None else set()
    limits = _limits(spec)
    had = bandwidth.parts_of(before) if before is not None else set()
    for ip in set(addresses_of(before)) - set(ips) if before is not None else ():
        remove_address(replica, spec.edge_id, spec.id, ip)
    words = " ".join([mac, *ips])
    port, new = ensure_row(
        replica,
        transaction,
        "Logical_Switch_Port",
        id,
        {
            "name": spec.id,
            "addresses": [words],
            "port_security": [words],
            # Port security with a MAC alone would let any address pass.
            "enabled": [bool(ips)],
            "options": fair_shares.port_options(spec.connection_limit),
            "dhcpv4_options": _ensure_dhcp(ends, spec, edge),
            "external_ids": labels(
                "external_port",
                spec.id,
                spec.generation,
                subnet=spec.edge_id,
                addresses=" ".join(ips),
                groups=" ".join(sorted(spec.security_group_ids)),
                limits=bandwidth.ensure_limits(ends, switch, spec.id, limits, had),
            ),
        },
    )
    everybody = find(replica, "Port_Group", port_group(spec.edge_id))
    if new:
        switch.addvalue("ports", port)
        if everybody is not None:
            everybody.addvalue("ports", port)
    elif not spec.connection_limit:
        drop_keys(port, "options", set(port.options) - {fair_shares.LIMIT})
    join(replica, port, groups, former, new)
    place = Place(spec.edge_id, spec.id, spec.id, mac, port_name(GUESTS, spec.edge_id))
    for address in spec.addresses:
        ensure_address(ends, place, address)


def remove_external_port(replica: Any, id: str) -> None:
    """Remove the port, and its addresses from their networks."""
    port = find(replica, "Logical_Switch_Port", uuid.UUID(id))
    if port is None:
        return
    edge_id = port.external_ids["scloud:subnet"]
    for ip in addresses_of(port):
        remove_address(replica, edge_id, id, ip)
    if (dhcp := find(replica, "DHCP_Options", derived(id, "dhcp"))) is not None:
        dhcp.delete()
    if (switch := find_switch(replica, edge_id, GUESTS)) is not None:
        bandwidth.drop_limits(replica, switch, id, bandwidth.parts_of(port))
        switch.delvalue("ports", port)


def external_port_holds(replica: Any, port: Any) -> bool:
    """Whether a port may use its own addresses only, and each is with it."""
    id, edge_id = port.external_ids["scloud:id"], port.external_ids.get("scloud:subnet", "")
    ips = addresses_of(port)
    mac = port.addresses[0].split()[0] if port.addresses else ""
    return (
        port.addresses == [" ".join([mac, *ips])]
        and port.port_security == port.addresses
        and port.enabled == [bool(ips)]
        and all(address_holds(replica, edge_id, id, mac, ip) for ip in ips)
        and bandwidth.limits_hold(replica, port)
    )


def addresses_of(port: Any) -> list[str]:
    """Return the addresses that a port has, in order."""
    return str(port.external_ids.get("scloud:addresses", "")).split()


def _limits(spec: ExternalPortSpec) -> tuple[Limit, ...]:
    uplink = uplink_name(GUESTS, spec.edge_id)
    limits = list(bandwidth.nic_limits(spec.id, spec.mbit_in, spec.mbit_out))
    for address in spec.addresses:
        limits += bandwidth.address_limits(address.ip, uplink, address.mbit_in, address.mbit_out)
    return tuple(limits)


def _ensure_dhcp(ends: tuple[Any, Any], spec: ExternalPortSpec, edge: Any) -> list[uuid.UUID]:
    """Hand out the first IPv4 address with its routes. IPv6 routes come from advertisements only, so no DHCPv6."""
    id = derived(spec.id, "dhcp")
    first = next((one for one in spec.addresses if ":" not in one.ip), None)
    if first is None:
        if (row := find(ends[0], "DHCP_Options", id)) is not None:
            row.delete()
        return []
    routes = [
        route
        for route in first.routes
        if ":" not in route and (spec.default_route or ipaddress.ip_network(route).prefixlen)
    ]
    handed_out = [f"{GATEWAY_V4}/32,0.0.0.0", *(f"{route},{GATEWAY_V4}" for route in routes)]
    options = {
        "server_id": GATEWAY_V4,
        "server_mac": edge.external_ids["scloud:mac"],
        "lease_time": str(LEASE_SECONDS),
        "mtu": edge.external_ids["scloud:mtu"],
        "classless_static_route": "{" + ", ".join(handed_out) + "}",
    }
    about = {"external_ids": labels("dhcp", spec.id, spec.generation)}
    ensure_row(*ends, "DHCP_Options", id, {"cidr": f"{first.ip}/32", "options": options, **about})
    return [id]
