"""Bandwidth limits: QoS rows of a switch. Of the rows that match a packet at one stage OVN applies the first only.

So what limits an address and what limits all of a NIC are at different stages, and both apply.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from apps.drivers.ovn.rows import derived, ensure_child, find, labels

PRIORITY = 1000
BURST = 0.2
"""Of the rate, in seconds: with less, TCP stays far below it."""
FROM, TO = "from-lport", "to-lport"


@dataclass(frozen=True, slots=True)
class Limit:
    """One row. `part` names it within its owner; mbit 0 means none."""

    part: str
    direction: str
    match: str
    mbit: int


def nic_limits(port: str, mbit_in: int, mbit_out: int) -> tuple[Limit, ...]:
    """Return the limits of everything that a port receives and sends."""
    return (
        Limit("nic-in", TO, f'outport == "{port}"', mbit_in),
        Limit("nic-out", FROM, f'inport == "{port}"', mbit_out),
    )


def address_limits(ip: str, uplink: str, mbit_in: int, mbit_out: int) -> tuple[Limit, ...]:
    """Return the limits of an address at the switch's port to its router."""
    family = "ip6" if ":" in ip else "ip4"
    return (
        Limit(f"in-{ip}", FROM, f'inport == "{uplink}" && {family}.dst == {ip}', mbit_in),
        Limit(f"out-{ip}", TO, f'outport == "{uplink}" && {family}.src == {ip}', mbit_out),
    )


def ensure_limits(
    ends: tuple[Any, Any], switch: Any, owner: str, limits: tuple[Limit, ...], former: set[str]
) -> str:
    """Make the switch have exactly these limits of `owner`; `former` are the parts it had. Return what it has now."""
    wanted = {limit.part: limit for limit in limits if limit.mbit}
    for part, limit in wanted.items():
        rate = limit.mbit * 1000
        columns = {
            "direction": limit.direction,
            "priority": PRIORITY,
            "match": limit.match,
            "bandwidth": {"rate": rate, "burst": int(rate * BURST)},
            "external_ids": labels("limit", owner, 0),
        }
        ensure_child(ends, "QoS", derived(owner, f"limit-{part}"), columns, (switch, "qos_rules"))
    drop_limits(ends[0], switch, owner, former - set(wanted))
    return " ".join(sorted(wanted))


def drop_limits(replica: Any, switch: Any, owner: str, parts: set[str]) -> None:
    """Remove these of an owner's limits."""
    for part in parts:
        if (row := find(replica, "QoS", derived(owner, f"limit-{part}"))) is not None:
            switch.delvalue("qos_rules", row)


def parts_of(row: Any) -> set[str]:
    """Return the limits that the row of an owner says it has."""
    return set(row.external_ids.get("scloud:limits", "").split())


def limits_hold(replica: Any, row: Any) -> bool:
    """Whether the row of an owner has the limits that it says it has."""
    owner = row.external_ids["scloud:id"]
    return all(find(replica, "QoS", derived(owner, f"limit-{part}")) is not None for part in parts_of(row))
