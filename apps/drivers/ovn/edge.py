"""A region's edge: a logical router and the switch of external ports, made together.

Its router has no way out of its own: policies say what may pass, and by which provider network (`provider_networks`).
"""

import uuid
from typing import Any

from apps.drivers.fabric_errors import edge_in_use
from apps.drivers.ovn import edge_rules, fair_shares
from apps.drivers.ovn.rows import Columns, derived, differs, ensure_child, ensure_row, find, labels
from apps.drivers.ovn.topology import ROUTER_OPTIONS, SWITCH_OPTIONS
from apps.drivers.specs import GATEWAY_V4, GATEWAY_V6, VPC_MTU, EdgeSpec

OUTSIDE = "outside"
"""The route table of what comes in by a provider network. Only there routes lead to addresses of the edge: a guest's
packet to such an address leaves by the provider network as well, and OVN turns it back if the address is on this host.
"""
GUESTS, LINKS = "edge-guests", "edge-links"
"""The two networks of an edge: external ports, and VPCs whose addresses are translated."""
LINK_V4, LINK_V6 = "169.254.255.254", "fd78::ffff"
"""The edge as VPCs' routers see it."""
NETWORKS = {
    GUESTS: [f"{GATEWAY_V4}/24", f"{GATEWAY_V6}/64"],
    LINKS: [f"{LINK_V4}/17", f"{LINK_V6}/64"],
}
PORT_OPTIONS: dict[str, dict[str, str]] = {
    GUESTS: {},
    # Provider networks carry more than VPCs: whoever sends too large a packet learns what passes.
    LINKS: {"gateway_mtu": str(VPC_MTU)},
}
NOWHERE = {"v4": ("0.0.0.0/0", "169.254.77.2"), "v6": ("::/0", "fd77::2")}
"""OVN asks the policies only about what has a route; by these two nothing ever leaves."""


def ensure_edge(replica: Any, transaction: Any, spec: EdgeSpec) -> None:
    """Make the router, the hosts that carry what is not distributed, both switches and their rules."""
    limits = fair_shares.ensure_controller_limits(replica, transaction, spec.id)
    columns = {
        "name": f"edge-{spec.id}",
        "options": ROUTER_OPTIONS,
        "copp": [limits],
        "external_ids": labels("edge", spec.id, spec.generation, mac=spec.mac.lower(), mtu=str(spec.mtu)),
    }
    router, _ = ensure_row(replica, transaction, "Logical_Router", uuid.UUID(spec.id), columns)
    _ensure_chassis(replica, transaction, spec)
    guests = _ensure_switch(replica, transaction, spec, router, GUESTS, limits)
    links = _ensure_switch(replica, transaction, spec, router, LINKS, limits)
    for table in ("", OUTSIDE):
        for version, (prefix, nexthop) in NOWHERE.items():
            route = {
                "ip_prefix": prefix,
                "nexthop": nexthop,
                "output_port": [port_name(GUESTS, spec.id)],
                "route_table": table,
            }
            id = derived(spec.id, f"nowhere-{version}-{table}")
            ends = (replica, transaction)
            ensure_child(ends, "Logical_Router_Static_Route", id, route, (router, "static_routes"))
    edge_rules.ensure_policies(replica, transaction, spec.id, router)
    edge_rules.ensure_guest_rules(replica, transaction, spec, guests)
    edge_rules.ensure_link_rules(replica, transaction, spec, links)


def remove_edge(replica: Any, id: str) -> None:
    """Remove all of it."""
    router = find(replica, "Logical_Router", uuid.UUID(id))
    if router is None:
        return
    switches = [find_switch(replica, id, part) for part in NETWORKS]
    own = {derived(id, f"{part}-uplink") for part in NETWORKS} | {derived(id, "distributing")}
    ports = {port.uuid for switch in switches if switch is not None for port in switch.ports}
    if ports - own or len(router.ports) > len(NETWORKS):
        raise edge_in_use(id)
    fair_shares.remove_controller_limits(replica, id)
    router.delete()
    rows = [
        find(replica, "HA_Chassis_Group", chassis_group(id)),
        find(replica, "Port_Group", edge_rules.port_group(id)),
    ]
    for row in (*switches, *rows):
        if row is not None:
            row.delete()


def edge_holds(replica: Any, router: Any) -> bool:
    """Whether an edge has what every one has."""
    id, mac = router.external_ids["scloud:id"], router.external_ids.get("scloud:mac", "")
    switches = [find_switch(replica, id, part) for part in NETWORKS]
    ports = {part: find(replica, "Logical_Router_Port", derived(id, f"{part}-gateway")) for part in NETWORKS}
    return (
        fair_shares.controller_limits_hold(replica, id)
        and all(
            holder is not None and fair_shares.is_under_controller_limits(id, holder)
            for holder in (router, *switches)
        )
        and not differs(router, {"options": ROUTER_OPTIONS})
        and not any(differs(port, {"options": PORT_OPTIONS[part]}) for part, port in ports.items())
        and not any(differs(switch, {"other_config": SWITCH_OPTIONS}) for switch in switches)
        and edge_rules.rules_hold(replica, id, mac, router, *switches)
    )


def port_name(part: str, edge_id: str) -> str:
    """Return the name of the edge router's port on one of its own networks."""
    return f"{part}-gw-{edge_id}"


def uplink_name(part: str, edge_id: str) -> str:
    """Return the name of the switch's port to the router."""
    return f"{part}-up-{edge_id}"


def find_switch(replica: Any, edge_id: str, part: str) -> Any | None:
    """Return the switch of one of the edge's own networks."""
    return find(replica, "Logical_Switch", derived(edge_id, part))


def chassis_group(edge_id: str) -> uuid.UUID:
    """Return the group of hosts that carry what is not distributed."""
    return derived(edge_id, "chassis")


def _ensure_chassis(replica: Any, transaction: Any, spec: EdgeSpec) -> None:
    """OVN knows each host by its name."""
    members = []
    for place, host in enumerate(spec.hosts):
        columns = {"chassis_name": host, "priority": len(spec.hosts) - place}
        row, _ = ensure_row(replica, transaction, "HA_Chassis", derived(spec.id, f"chassis-{host}"), columns)
        members.append(row)
    about: Columns = {
        "name": f"edge-{spec.id}",
        "ha_chassis": members,
        "external_ids": labels("edge-chassis", spec.id, spec.generation),
    }
    ensure_row(replica, transaction, "HA_Chassis_Group", chassis_group(spec.id), about)


def _ensure_switch(
    replica: Any, transaction: Any, spec: EdgeSpec, router: Any, part: str, limits: uuid.UUID
) -> Any:
    about = {"external_ids": labels(part, spec.id, spec.generation)}
    switch, _ = ensure_row(
        replica,
        transaction,
        "Logical_Switch",
        derived(spec.id, part),
        {"name": f"{part}-{spec.id}", "other_config": SWITCH_OPTIONS, "copp": [limits], **about},
    )
    ends = (replica, transaction)
    gateway = {
        "name": port_name(part, spec.id),
        "mac": spec.mac.lower(),
        "networks": NETWORKS[part],
        "options": PORT_OPTIONS[part],
        **about,
    }
    ensure_child(ends, "Logical_Router_Port", derived(spec.id, f"{part}-gateway"), gateway, (router, "ports"))
    uplink = {
        "name": uplink_name(part, spec.id),
        "type": "router",
        "options": {"router-port": port_name(part, spec.id)},
        "addresses": ["router"],
        **about,
    }
    ensure_child(ends, "Logical_Switch_Port", derived(spec.id, f"{part}-uplink"), uplink, (switch, "ports"))
    if part == LINKS:
        distributing = _distributing(spec.id)
        ensure_child(
            ends, "Logical_Switch_Port", derived(spec.id, "distributing"), distributing, (switch, "ports")
        )
    return switch


def _distributing(edge_id: str) -> Columns:
    """Return a port to a physical network that no host has.

    On switches without such a port OVN 25.03 ignores that a NAT row is distributed: all would pass one host.
    """
    return {
        "name": f"{LINKS}-distributing-{edge_id}",
        "type": "localnet",
        "options": {"network_name": "none"},
        "addresses": ["unknown"],
        "external_ids": labels("distributing", edge_id, 0),
    }
