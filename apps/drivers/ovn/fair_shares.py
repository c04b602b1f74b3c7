"""What keeps one guest from using up its neighbours' share, whatever its security groups say.

Per NIC: a limit of tracked connections. Per VPC: how many packets a second each host's ovn-controller takes from it
(CoPP), so that no other VPC's wait behind them. Per subnet: rules above and below those of the security groups, and how
much each host takes from it for everybody at once.

Ports come and go all day, so nothing here is a row for each: northd takes in a new port by itself, but goes through all
its region for another meter or QoS row.
"""

import uuid
from collections.abc import Iterator
from typing import Any

from apps.drivers.ovn.rows import Columns, derived, differs, ensure_row, find, labels

CONTROLLER_COLUMNS = {
    "Copp": ("name", "meters"),
    "Meter": ("name", "unit", "bands"),
    "Meter_Band": ("action", "rate", "burst_size"),
}
FLOOD_COLUMNS = {"QoS": ("direction", "priority", "match", "bandwidth")}

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
FLOODED_KBPS = 2000
"""Broadcast and multicast from a subnet's guests on one host: about 6,000 ARP requests a second, and as much of IPv4.
Each is copied to the whole subnet."""
FLOODED_BURST_KBITS = 1000

NEVER = 3000
DEFAULT_ACCEPT, DEFAULT_DENY = 2, 1
"""Security groups use priorities from 1000 to 2000, so these are below: they are for what no group speaks of."""
FORGED = (
    "udp.src == 67",  # what a DHCP server sends
    "udp.src == 547",
    "icmp4.type == {5, 9, 10}",  # redirects, and routers that offer themselves
    "icmp6.type == 137",
    "ip.proto == 2",  # IGMP, from guests to multicast routers that do not exist
)
"""Where NICs have no IPv6 address, all of IPv6 is. Router advertisements pass every ACL: hosts drop them."""


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


def is_under_controller_limits(vpc_id: str, holder: Any) -> bool:
    """Whether the router or switch `holder` is under its VPC's limits."""
    return [row.uuid for row in holder.copp] == [derived(vpc_id, "copp")]


def controller_limits_hold(replica: Any, vpc_id: str) -> bool:
    """Whether a VPC's limits are as they should be."""
    id, columns = _copp(vpc_id)
    return not differs(find(replica, "Copp", id), columns) and not any(
        differs(find(replica, "Meter", meter[0]), meter[1])
        or differs(find(replica, "Meter_Band", band[0]), band[1])
        for meter, band in _meters(vpc_id)
    )


def ensure_always_on(
    ends: tuple[Any, Any], subnet_id: str, blocks: tuple[str, str], switch: Any, new: bool
) -> None:
    """Make what holds for every NIC of the subnet, with a group or without; `new`: the switch is.

    `blocks` are the subnet's in IPv4 and in IPv6, "" for none.
    """
    for table, column, rows in _always_on(subnet_id, blocks):
        present = set() if new else {row.uuid for row in getattr(switch, column)}
        for id, columns in rows.items():
            row, _ = ensure_row(*ends, table, id, columns)
            if id not in present:
                switch.addvalue(column, row)
    multicast = find(ends[0], "QoS", derived(subnet_id, "flooding-ip6"))
    if multicast is not None and not blocks[1]:
        switch.delvalue("qos_rules", multicast)


def always_on_holds(replica: Any, subnet_id: str, blocks: tuple[str, str], switch: Any) -> bool:
    """Whether the switch has all of it as it should be."""
    return all(
        id in {row.uuid for row in getattr(switch, column)} and not differs(find(replica, table, id), columns)
        for table, column, rows in _always_on(subnet_id, blocks)
        for id, columns in rows.items()
    )


def _always_on(
    subnet_id: str, blocks: tuple[str, str]
) -> tuple[tuple[str, str, dict[uuid.UUID, Columns]], ...]:
    families = ("arp", "ip4", "ip6") if blocks[1] else ("arp", "ip4")
    return (
        ("ACL", "acls", always_on_rules(subnet_id, blocks)),
        ("QoS", "qos_rules", _flooding(subnet_id, families)),
    )


def always_on_rules(subnet_id: str, blocks: tuple[str, str]) -> dict[uuid.UUID, Columns]:
    """Return the rules by identifier: nothing forged, and of what is no IP only ARP for the subnet's addresses.

    They stand at the sender. OVN answers DHCP and ARP for the gateway behind them.
    """
    cidr, cidr6 = blocks
    forged = FORGED if cidr6 else ("ip6", *FORGED)
    known = "ip4 || ip6" if cidr6 else "ip4"
    rules = {
        "never-forged": _rule(NEVER, " || ".join(forged), "drop"),
        "known-passes": _rule(DEFAULT_ACCEPT, f"{known} || arp.tpa == {cidr}", "allow"),
        "unknown-stops": _rule(DEFAULT_DENY, "1", "drop"),
    }
    return {
        derived(subnet_id, part): {**columns, "external_ids": labels(part, subnet_id, 0)}
        for part, columns in rules.items()
    }


def port_options(connection_limit: int) -> dict[str, str]:
    """Return the options of a port; no limit of its own for 0."""
    return {LIMIT: str(connection_limit)} if connection_limit else {}


def _rule(priority: int, match: str, action: str) -> Columns:
    return {"direction": "from-lport", "priority": priority, "match": match, "action": action}


def _flooding(subnet_id: str, families: tuple[str, ...]) -> dict[uuid.UUID, Columns]:
    """Return the limits by identifier: ARP and the rest apart, so that none takes another's."""
    # Always true, and only this switch's: OVN makes one flow, with one meter, of rows that read the same in several.
    own = f'!is_chassis_resident("up-{subnet_id}")'
    return {
        derived(subnet_id, f"flooding-{kind}"): {
            "direction": "from-lport",
            "priority": NEVER,
            "match": f"eth.mcast && {kind} && {own}",
            "bandwidth": {"rate": FLOODED_KBPS, "burst": FLOODED_BURST_KBITS},
            "external_ids": labels("flooding", subnet_id, 0),
        }
        for kind in families
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
