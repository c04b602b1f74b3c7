"""DHCP of a subnet: with a default route, without one, and for IPv6. OVN answers on the host of the guest itself."""

import ipaddress
import uuid
from typing import Any

from apps.drivers.ovn.rows import derived, drop_keys, ensure_child, ensure_row, find, labels
from apps.drivers.specs import PortSpec, SubnetSpec

LEASE_SECONDS = 3600
ROUTES_LEASE_SECONDS = 600
"""Of a lease that names the VPC's networks one by one: so long a guest may be without the route to a new one."""
DHCP_PRIORITY = 1900
ROUTES = "classless_static_route"
PARTS = ("dhcp", "dhcp-vpc", "dhcp6")


def options_v4(spec: PortSpec) -> uuid.UUID:
    """Return what a port is handed out: with a default route, or with routes to the VPC's networks only."""
    return derived(spec.subnet_id, "dhcp" if spec.default_route else "dhcp-vpc")


def options_v6(subnet_id: str) -> uuid.UUID:
    """Return what a port with an IPv6 address is handed out."""
    return derived(subnet_id, "dhcp6")


def ensure_dhcp(ends: tuple[Any, Any], spec: SubnetSpec, switch: Any, router: Any) -> None:
    """Make what the subnet's ports are handed out, and let their requests through."""
    plain = {
        "server_id": spec.gateway,
        "server_mac": spec.gateway_mac,
        "lease_time": str(LEASE_SECONDS),
        "mtu": str(spec.mtu),
    }
    if servers := [server for server in spec.dns if ":" not in server]:
        plain["dns_server"] = "{" + ", ".join(servers) + "}"
    _ensure_options(ends, spec, "dhcp", spec.cidr, {**plain, "router": spec.gateway})
    routes = _routes(router).get(spec.id, "")
    without_default = {**plain, "lease_time": str(ROUTES_LEASE_SECONDS)}
    if routes:
        without_default[ROUTES] = routes
    _ensure_options(ends, spec, "dhcp-vpc", spec.cidr, without_default)
    _refresh_routes(ends[0], router, but=spec.id)
    _ensure_passes(ends, spec, switch, "dhcp-passes", _request_v4(spec))
    if spec.cidr6:
        options = {"server_id": spec.gateway_mac}
        if servers := [server for server in spec.dns if ":" in server]:
            options["dns_server"] = "{" + ", ".join(servers) + "}"
        _ensure_options(ends, spec, "dhcp6", spec.cidr6, options)
        _ensure_passes(ends, spec, switch, "dhcp6-passes", "udp.src == 546 && udp.dst == 547 && ip6.mcast")
    else:
        _remove_dhcp6(ends[0], spec, switch)


def ensure_routes_only(ends: tuple[Any, Any], subnet_id: str, switch: Any) -> None:
    """Make what a port without a default route is handed out, of a subnet that an older version has made.

    Such a subnet is found to lack it and is resynced; a port need not wait for that.
    """
    replica, transaction = ends
    whole = find(replica, "DHCP_Options", derived(subnet_id, "dhcp"))
    router = find(replica, "Logical_Router", uuid.UUID(switch.external_ids["scloud:vpc"]))
    id = derived(subnet_id, "dhcp-vpc")
    if find(replica, "DHCP_Options", id) is not None or whole is None or router is None:
        return
    options = {key: value for key, value in whole.options.items() if key != "router"}
    options["lease_time"] = str(ROUTES_LEASE_SECONDS)
    if routes := _routes(router).get(subnet_id, ""):
        options[ROUTES] = routes
    about = dict(whole.external_ids)
    columns = {"cidr": whole.cidr, "options": options, "external_ids": about}
    ensure_row(replica, transaction, "DHCP_Options", id, columns)


def remove_dhcp(replica: Any, subnet_id: str, router: Any | None) -> None:
    """Remove it; the VPC's other subnets lose their route to this one."""
    for part in PARTS:
        if (row := find(replica, "DHCP_Options", derived(subnet_id, part))) is not None:
            row.delete()
    if router is not None:
        _refresh_routes(replica, router, but=subnet_id)


def dhcp_holds(replica: Any, subnet_id: str, *, with_ipv6: bool) -> bool:
    """Whether ports of the subnet can be handed out what they may ask for."""
    wanted = PARTS if with_ipv6 else PARTS[:2]
    return all(find(replica, "DHCP_Options", derived(subnet_id, part)) is not None for part in wanted)


def _ensure_options(
    ends: tuple[Any, Any], spec: SubnetSpec, part: str, cidr: str, options: dict[str, str]
) -> None:
    about = {"external_ids": labels("dhcp", spec.id, spec.generation)}
    columns = {"cidr": cidr, "options": options, **about}
    row, new = ensure_row(*ends, "DHCP_Options", derived(spec.id, part), columns)
    if not new:
        drop_keys(row, "options", set(options))


def _refresh_routes(replica: Any, router: Any, but: str) -> None:
    """Have each other subnet of the VPC hand out routes to all the others."""
    for subnet_id, routes in _routes(router).items():
        row = find(replica, "DHCP_Options", derived(subnet_id, "dhcp-vpc"))
        if row is None or subnet_id == but or row.options.get(ROUTES, "") == routes:
            continue
        if routes:
            row.setkey("options", ROUTES, routes)
        else:
            row.delkey("options", ROUTES)


def _routes(router: Any) -> dict[str, str]:
    """Return the routes of each subnet of the router to the others, as DHCP writes them."""
    gateways = {
        port.external_ids["scloud:id"]: ipaddress.IPv4Interface(_first_v4(port))
        for port in router.ports
        if port.external_ids.get("scloud:kind") == "gateway"
    }
    found = {}
    for subnet_id, gateway in gateways.items():
        others = sorted(other.network for id, other in gateways.items() if id != subnet_id)
        routes = ", ".join(f"{network},{gateway.ip}" for network in others)
        found[subnet_id] = f"{{{routes}}}" if routes else ""
    return found


def _first_v4(port: Any) -> str:
    return next(str(network) for network in port.networks if ":" not in network)


def _request_v4(spec: SubnetSpec) -> str:
    return f"ip4.dst == {{255.255.255.255, {spec.gateway}}} && udp.src == 68 && udp.dst == 67"


def _ensure_passes(ends: tuple[Any, Any], spec: SubnetSpec, switch: Any, part: str, match: str) -> None:
    """Let requests to the subnet's own server through, whatever the groups of a port deny."""
    rule = {
        "direction": "from-lport",
        "priority": DHCP_PRIORITY,
        "match": match,
        "action": "allow",
        "external_ids": labels(part, spec.id, spec.generation),
    }
    ensure_child(ends, "ACL", derived(spec.id, part), rule, (switch, "acls"))


def _remove_dhcp6(replica: Any, spec: SubnetSpec, switch: Any) -> None:
    if (row := find(replica, "DHCP_Options", derived(spec.id, "dhcp6"))) is not None:
        row.delete()
    if (rule := find(replica, "ACL", derived(spec.id, "dhcp6-passes"))) is not None:
        switch.delvalue("acls", rule)
