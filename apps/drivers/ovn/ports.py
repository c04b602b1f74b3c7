"""Ports: a logical switch port named by its UUID, which is the interface id that Open vSwitch knows it by."""

import uuid
from collections.abc import Sequence
from typing import Any

from apps.drivers.fabric_errors import address_in_use, missing_group, missing_ipv6, missing_subnet
from apps.drivers.ovn import bandwidth, dhcp, fair_shares
from apps.drivers.ovn.rows import drop_keys, ensure_row, find, labels
from apps.drivers.specs import ExternalPortSpec, PortSpec

REQUESTED, ACTIVATION = "requested-chassis", "activation-strategy"


def ensure_port(replica: Any, transaction: Any, spec: PortSpec) -> None:
    """Make the port with its address, anti-spoofing, limits, DHCP and groups."""
    id = uuid.UUID(spec.id)
    switch = find(replica, "Logical_Switch", uuid.UUID(spec.subnet_id))
    if switch is None:
        raise missing_subnet(spec)
    if spec.ip6 and find(replica, "DHCP_Options", dhcp.options_v6(spec.subnet_id)) is None:
        raise missing_ipv6(spec)  # the port would have no DHCPv6, and nobody would notice
    groups = groups_of(replica, spec)
    mac = spec.mac.lower()
    words = [mac, spec.ip, *([spec.ip6] if spec.ip6 else [])]
    if any(replica.port_at(spec.subnet_id, word) not in (None, id) for word in words):
        raise address_in_use(spec)
    before = find(replica, "Logical_Switch_Port", id)
    former = former_groups(before) if before is not None else set()
    had = bandwidth.parts_of(before) if before is not None else set()
    limits = bandwidth.nic_limits(spec.id, spec.mbit_in, spec.mbit_out)
    address = " ".join(words)
    if not spec.default_route:
        dhcp.ensure_routes_only((replica, transaction), spec.subnet_id, switch)
    port, new = ensure_row(
        replica,
        transaction,
        "Logical_Switch_Port",
        id,
        {
            "name": spec.id,
            "addresses": [address],
            "port_security": [address],
            "options": fair_shares.port_options(spec.connection_limit),
            "dhcpv4_options": [dhcp.options_v4(spec)],
            "dhcpv6_options": [dhcp.options_v6(spec.subnet_id)] if spec.ip6 else [],
            "external_ids": labels(
                "port",
                spec.id,
                spec.generation,
                subnet=spec.subnet_id,
                groups=" ".join(sorted(spec.security_group_ids)),
                limits=bandwidth.ensure_limits((replica, transaction), switch, spec.id, limits, had),
            ),
        },
    )
    if new:
        switch.addvalue("ports", port)
    elif not spec.connection_limit:
        drop_keys(port, "options", set(port.options) - {fair_shares.LIMIT})
    join(replica, port, groups, former, new)


def remove_port(replica: Any, id: str) -> None:
    """Remove the port; OVSDB takes it out of its groups."""
    port = find(replica, "Logical_Switch_Port", uuid.UUID(id))
    if port is None:
        return
    switch = find(replica, "Logical_Switch", uuid.UUID(port.external_ids["scloud:subnet"]))
    if switch is not None:
        bandwidth.drop_limits(replica, switch, id, bandwidth.parts_of(port))
        switch.delvalue("ports", port)


def set_hosts(replica: Any, id: str, hosts: Sequence[str]) -> None:
    """Bind a port to these chassis, to any for none; of two, the second waits for the guest's own announcement."""
    port = find(replica, "Logical_Switch_Port", uuid.UUID(id))
    if port is None:
        return
    wanted = {REQUESTED: ",".join(hosts)} if hosts else {}
    if len(hosts) > 1:
        wanted[ACTIVATION] = "rarp"
    for key in (REQUESTED, ACTIVATION):
        if key in wanted and port.options.get(key) != wanted[key]:
            port.setkey("options", key, wanted[key])
        elif key not in wanted and key in port.options:
            port.delkey("options", key)


def port_holds(replica: Any, port: Any) -> bool:
    """Whether a port may use its own addresses only, and has its limits."""
    return sorted(port.port_security) == sorted(port.addresses) and bandwidth.limits_hold(replica, port)


def connection_limit(port: Any) -> int:
    """Return the limit a port has, 0 for none of its own."""
    text = port.options.get(fair_shares.LIMIT, "")
    return int(text) if text.isdecimal() else 0


def groups_of(replica: Any, spec: PortSpec | ExternalPortSpec) -> dict[str, Any]:
    """Return the port's groups by identifier; refused when one is missing."""
    return {group_id: _group(replica, spec, group_id) for group_id in spec.security_group_ids}


def former_groups(port: Any) -> set[str]:
    """Return the groups that a port was made with."""
    return set(port.external_ids.get("scloud:groups", "").split())


def join(replica: Any, port: Any, groups: dict[str, Any], former: set[str], new: bool) -> None:
    """Put the port into its groups and out of the former ones."""
    for group in groups.values():
        if new or port.uuid not in {member.uuid for member in group.ports}:
            group.addvalue("ports", port)
    for group_id in former - set(groups):
        group = find(replica, "Port_Group", uuid.UUID(group_id))
        if group is not None:
            group.delvalue("ports", port)


def _group(replica: Any, spec: PortSpec | ExternalPortSpec, group_id: str) -> Any:
    group = find(replica, "Port_Group", uuid.UUID(group_id))
    if group is None:
        raise missing_group(spec, group_id)
    return group
