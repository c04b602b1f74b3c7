"""What keeps one guest from using up its neighbours' share, whatever its security groups say.

Per NIC: a limit of tracked connections, and of what it may send to everybody at once. Per VPC: how many packets a
second each host's ovn-controller takes from it (CoPP), so that no other VPC's wait behind them. Per subnet: rules above
and below those of the security groups.
"""

import uuid
from collections.abc import Iterator
from typing import Any

from apps.drivers.ovn.rows import Columns, derived, differs, ensure_row, find, labels

LIMIT = "ct-zone-limit"
ROUTER_CONNECTIONS = 1 << 20
"""Of a VPC's router in each of its two NAT zones on one host."""
SWITCH_CONNECTIONS = 1 << 16
"""Of whatever in a subnet is no NIC."""
NEIGHBOUR_SECONDS = 3600
"""A router forgets a learned neighbour that was not used for so long."""

CONTROLLER_METERS = {
    "neighbours": ("arp", "arp-resolve", "nd-na", "nd-ns", "nd-ns-resolve"),
    "leases": ("dhcpv4-opts", "dhcpv6-opts", "nd-ra-opts"),
    "errors": ("icmp4-error", "icmp6-error", "tcp-reset", "reject"),
    "services": ("dns", "igmp", "bfd", "event-elb", "svc-monitor"),
}
"""Every protocol OVN hands to ovn-controller, by the meter that it shares with its kind."""
PACKETS_PER_SECOND = 100
"""Of each meter on each host; as many may come at once."""
FLOODED_KBPS = 1000
"""Broadcast and multicast from one NIC: about 3,000 ARP requests a second. Each is copied to the whole subnet."""
FLOODED_BURST_KBITS = 500

NEVER = 3000
DEFAULT_ACCEPT, DEFAULT_DENY = 2, 1
"""Security groups use priorities from 1000 to 2000, so these are below: they are for what no group speaks of."""
FORGED = (
    "ip6",  # no NIC has an IPv6 address: router advertisements, redirects and DHCPv6 among the rest
    "udp.src == 67",  # what a DHCP server sends
    "udp.src == 547",
    "icmp4.type == {5, 9, 10}",  # redirects, and routers that offer themselves
    "ip.proto == 2",  # IGMP, from guests to multicast routers that do not exist
)


def ensure_controller_limits(replica: Any, transaction: Any, vpc_id: str) -> uuid.UUID:
    """Make the VPC's meters and the row that names them; return that row's identifier."""
    for meter, band in _meters(vpc_id):
        row, _ = ensure_row(replica, transaction, "Meter_Band", *band)
        ensure_row(replica, transaction, "Meter", meter[0], {**meter[1], "bands": [row]})
    id, columns = _copp(vpc_id)
    ensure_row(replica, transaction, "Copp", id, columns)
    return id


def remove_controller_limits(replica: Any, vpc_id: str) -> None:
    """Remove them; the bands go with their meters."""
    rows = [("Copp", _copp(vpc_id)[0]), *(("Meter", meter[0]) for meter, _ in _meters(vpc_id))]
    for table, id in rows:
        if (row := find(replica, table, id)) is not None:
            row.delete()


def controller_limits_hold(replica: Any, vpc_id: str, holder: Any) -> bool:
    """Whether the router or switch `holder` is under its VPC's limits and those are as they should be."""
    id, columns = _copp(vpc_id)
    return (
        [row.uuid for row in holder.copp] == [id]
        and not differs(find(replica, "Copp", id), columns)
        and not any(
            differs(find(replica, "Meter", meter[0]), meter[1])
            or differs(find(replica, "Meter_Band", band[0]), band[1])
            for meter, band in _meters(vpc_id)
        )
    )


def ensure_always_on_rules(
    replica: Any, transaction: Any, subnet_id: str, cidr: str, switch: Any, new: bool
) -> None:
    """Make the rules that hold for every NIC of the subnet, with a group or without; `new`: the switch is."""
    present = set() if new else {rule.uuid for rule in switch.acls}
    for id, columns in always_on_rules(subnet_id, cidr).items():
        rule, _ = ensure_row(replica, transaction, "ACL", id, columns)
        if id not in present:
            switch.addvalue("acls", rule)


def always_on_rules_hold(replica: Any, subnet_id: str, cidr: str, switch: Any) -> bool:
    """Whether the switch has them all as they should be."""
    present = {rule.uuid for rule in switch.acls}
    return all(
        id in present and not differs(find(replica, "ACL", id), columns)
        for id, columns in always_on_rules(subnet_id, cidr).items()
    )


def always_on_rules(subnet_id: str, cidr: str) -> dict[uuid.UUID, Columns]:
    """Return the rules by identifier: nothing forged, and of what is no IPv4 only ARP for the subnet's addresses.

    They stand at the sender. OVN answers DHCP and ARP for the gateway behind them.
    """
    rules = {
        "never-forged": _rule(NEVER, " || ".join(FORGED), "drop"),
        "known-passes": _rule(DEFAULT_ACCEPT, f"ip4 || arp.tpa == {cidr}", "allow"),
        "unknown-stops": _rule(DEFAULT_DENY, "1", "drop"),
    }
    return {
        derived(subnet_id, part): {**columns, "external_ids": labels(part, subnet_id, 0)}
        for part, columns in rules.items()
    }


def ensure_flooding_limit(replica: Any, transaction: Any, port_id: str, switch: Any) -> None:
    """Limit what the NIC may send to everybody."""
    id, columns = _flooding(port_id)
    rule, new = ensure_row(replica, transaction, "QoS", id, columns)
    if new or id not in {row.uuid for row in switch.qos_rules}:
        switch.addvalue("qos_rules", rule)


def remove_flooding_limit(replica: Any, id: str, switch: Any) -> None:
    """Remove that limit."""
    rule = find(replica, "QoS", _flooding(id)[0])
    if rule is not None:
        switch.delvalue("qos_rules", rule)


def port_limits_hold(replica: Any, port: Any, flooding: set[uuid.UUID]) -> bool:
    """Whether a port is limited as it should be; `flooding`: identifiers of the QoS rows of all switches."""
    id, columns = _flooding(port.external_ids["scloud:id"])
    return (
        id in flooding
        and not differs(find(replica, "QoS", id), columns)
        and sorted(port.port_security) == sorted(port.addresses)
    )


def port_options(connection_limit: int) -> dict[str, str]:
    """Return the options of a port; no limit of its own for 0."""
    return {LIMIT: str(connection_limit)} if connection_limit else {}


def _rule(priority: int, match: str, action: str) -> Columns:
    return {"direction": "from-lport", "priority": priority, "match": match, "action": action}


def _flooding(port_id: str) -> tuple[uuid.UUID, Columns]:
    return derived(port_id, "flooding"), {
        "direction": "from-lport",
        "priority": NEVER,
        "match": f'inport == "{port_id}" && eth.mcast',
        "bandwidth": {"rate": FLOODED_KBPS, "burst": FLOODED_BURST_KBITS},
        "external_ids": labels("flooding", port_id, 0),
    }


def _copp(vpc_id: str) -> tuple[uuid.UUID, Columns]:
    meters = {
        protocol: _meter_name(vpc_id, kind)
        for kind, protocols in CONTROLLER_METERS.items()
        for protocol in protocols
    }
    return derived(vpc_id, "copp"), {
        "name": f"vpc-{vpc_id}",
        "meters": meters,
        "external_ids": labels("copp", vpc_id, 0),
    }


def _meters(vpc_id: str) -> Iterator[tuple[tuple[uuid.UUID, Columns], tuple[uuid.UUID, Columns]]]:
    """Yield each meter with its band. A meter is known to OVN by its name; it counts apart on every host."""
    for kind in CONTROLLER_METERS:
        about = {"external_ids": labels(f"meter-{kind}", vpc_id, 0)}
        meter: Columns = {"name": _meter_name(vpc_id, kind), "unit": "pktps", **about}
        band = {"action": "drop", "rate": PACKETS_PER_SECOND, "burst_size": PACKETS_PER_SECOND, **about}
        yield (derived(vpc_id, f"meter-{kind}"), meter), (derived(vpc_id, f"band-{kind}"), band)


def _meter_name(vpc_id: str, kind: str) -> str:
    return f"{kind}-{vpc_id}"
