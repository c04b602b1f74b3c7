"""What always holds on an edge: its guests reach its router only, and its router passes on only what a policy names.

OVN lets neighbour discovery, router advertisements and MLD pass all ACLs. Of these port security stops what is forged,
and `guard-advertisements` on every host the advertisements.
"""

import uuid
from typing import Any

from apps.drivers.ovn.fair_shares import NEVER
from apps.drivers.ovn.rows import Columns, derived, differs, ensure_child, ensure_row, find, labels
from apps.drivers.specs import GATEWAY_V4, GATEWAY_V6, EdgeSpec

GUEST_FORGED = (
    "udp.src == 67",  # what a DHCP server sends
    "udp.src == 547",
    "icmp4.type == {5, 9, 10}",  # redirects, and routers that offer themselves
    "icmp6.type == 137",
    "ip.proto == 2",  # IGMP
)
DHCP_PRIORITY, PASSES, STOPS = 1900, 20, 10
OWN, ALLOWED, FORWARDED, CHOSEN, REST = 3000, 2000, 1500, 1000, 1
"""Priorities of the router's policies. OWN: what the router itself answers; REST: drop."""


def group_name(edge_id: str) -> str:
    """Return the name of the group of all external ports, as matches write it."""
    return f"edge_{edge_id.replace('-', '_')}"


def port_group(edge_id: str) -> uuid.UUID:
    """Return the group of all external ports."""
    return derived(edge_id, "externals")


def ensure_guest_rules(replica: Any, transaction: Any, spec: EdgeSpec, switch: Any) -> None:
    """Make the group of all external ports, which are those of the switch, with its rules."""
    about = {
        "name": group_name(spec.id),
        "external_ids": labels("externals", spec.id, spec.generation),
    }
    group, new = ensure_row(replica, transaction, "Port_Group", port_group(spec.id), about)
    if not new:
        for port in _outsiders(group, switch):
            group.addvalue("ports", port)
    for id, columns in _guest_rules(spec.id, spec.mac.lower()).items():
        ensure_child((replica, transaction), "ACL", id, columns, (group, "acls"))


def ensure_link_rules(replica: Any, transaction: Any, spec: EdgeSpec, switch: Any) -> None:
    """Let VPCs reach the edge only, not one another."""
    for id, columns in _link_rules(spec.id, spec.mac.lower()).items():
        ensure_child((replica, transaction), "ACL", id, columns, (switch, "acls"))


def ensure_policies(replica: Any, transaction: Any, edge_id: str, router: Any) -> None:
    """Pass on nothing but what a provider network's policies name, and the router's own answers."""
    for id, columns in _policies(edge_id).items():
        ensure_child((replica, transaction), "Logical_Router_Policy", id, columns, (router, "policies"))


def rules_hold(replica: Any, edge_id: str, mac: str, router: Any, guests: Any, links: Any) -> bool:
    """Whether all of it is as it should be."""
    group = find(replica, "Port_Group", port_group(edge_id))
    wanted = (
        ("ACL", group, "acls", _guest_rules(edge_id, mac)),
        ("ACL", links, "acls", _link_rules(edge_id, mac)),
        ("Logical_Router_Policy", router, "policies", _policies(edge_id)),
    )
    if group is None or links is None or _outsiders(group, guests):
        return False
    return all(
        id in {row.uuid for row in getattr(holder, column)} and not differs(find(replica, table, id), columns)
        for table, holder, column, rows in wanted
        for id, columns in rows.items()
    )


def _outsiders(group: Any, switch: Any) -> list[Any]:
    """Return the external ports of the switch that are not in the group."""
    members = {port.uuid for port in group.ports}
    return [port for port in switch.ports if port.type != "router" and port.uuid not in members]


def _guest_rules(edge_id: str, mac: str) -> dict[uuid.UUID, Columns]:
    """Return the rules at the sender: nothing forged, and after that only frames for the router, ARP for it and DHCP.

    The second half is evaluated after the security groups', so that what it lets through is theirs to deny.
    """
    sent = f"inport == @{group_name(edge_id)}"
    dhcp = "udp.src == 68 && udp.dst == 67"
    rules = {
        "never-forged": _rule(NEVER, f"{sent} && ({' || '.join(GUEST_FORGED)})", "drop"),
        "dhcp-passes": _rule(
            DHCP_PRIORITY, f"{sent} && ip4.dst == {{255.255.255.255, {GATEWAY_V4}}} && {dhcp}", "allow"
        ),
        "to-router": _late(PASSES, f"{sent} && eth.dst == {mac}", "allow"),
        "arp-for-router": _late(PASSES, f"{sent} && arp.op == 1 && arp.tpa == {GATEWAY_V4}", "allow"),
        "dhcp-broadcast": _late(PASSES, f"{sent} && ip4.dst == 255.255.255.255 && {dhcp}", "allow"),
        "nowhere-else": _late(STOPS, sent, "drop"),
    }
    return _labelled(edge_id, "externals", rules)


def _link_rules(edge_id: str, mac: str) -> dict[uuid.UUID, Columns]:
    rules = {
        "from-edge": _rule(PASSES, f"eth.src == {mac} || eth.dst == {mac}", "allow"),
        "link-arp": _rule(PASSES, "arp || nd", "allow"),
        "not-to-each-other": _rule(STOPS, "1", "drop"),
    }
    return _labelled(edge_id, "links", rules)


def _policies(edge_id: str) -> dict[uuid.UUID, Columns]:
    policies: dict[str, Columns] = {
        "own-v4": {"priority": OWN, "match": f"ip4.src == {GATEWAY_V4}", "action": "allow"},
        "own-v6": {"priority": OWN, "match": f"ip6.src == {GATEWAY_V6}", "action": "allow"},
        "rest": {"priority": REST, "match": "1", "action": "drop"},
    }
    return _labelled(edge_id, "policy", policies)


def _labelled(edge_id: str, about: str, rules: dict[str, Columns]) -> dict[uuid.UUID, Columns]:
    return {
        derived(edge_id, f"{about}-{part}"): {**columns, "external_ids": labels(part, edge_id, 0)}
        for part, columns in rules.items()
    }


def _rule(priority: int, match: str, action: str) -> Columns:
    return {"direction": "from-lport", "priority": priority, "match": match, "action": action}


def _late(priority: int, match: str, action: str) -> Columns:
    return {**_rule(priority, match, action), "options": {"apply-after-lb": "true"}}
