"""VPCs and subnets: a logical router; a logical switch with its gateway port and its DHCP options."""

import ipaddress
import uuid
from typing import Any

from apps.drivers.errors import DriverError
from apps.drivers.errors import mark as _
from apps.drivers.fabric_errors import missing_vpc, subnet_in_use, vni_in_use, vpc_in_use
from apps.drivers.ovn import fair_shares
from apps.drivers.ovn.rows import derived, differs, drop_keys, ensure_row, find, labels
from apps.drivers.specs import SubnetSpec, VpcSpec

LEASE_SECONDS = 3600
DHCP_PRIORITY = 1900
LAST_TUNNEL_KEY = (1 << 24) - (1 << 16)
"""OVN gives datapaths keys from 1 to this number (its lib/ovn-util.h, OVN_MAX_DP_KEY_LOCAL)."""
ROUTER_OPTIONS = {
    "always_learn_from_arp_request": "false",
    "dynamic_neigh_routers": "true",
    "mac_binding_age_threshold": str(fair_shares.NEIGHBOUR_SECONDS),
    fair_shares.LIMIT: str(fair_shares.ROUTER_CONNECTIONS),
}
SWITCH_OPTIONS = {fair_shares.LIMIT: str(fair_shares.SWITCH_CONNECTIONS)}


def ensure_vpc(replica: Any, transaction: Any, spec: VpcSpec) -> None:
    """Make the VPC's router. Its network identifier is the tunnel key where OVN can have it as one."""
    id = uuid.UUID(spec.id)
    for router in replica.tables["Logical_Router"].rows.values():
        if router.uuid != id and router.external_ids.get("scloud:vni") == str(spec.vni):
            raise vni_in_use(spec)
    options = dict(ROUTER_OPTIONS)
    if 0 < spec.vni <= LAST_TUNNEL_KEY:
        options["requested-tnl-key"] = str(spec.vni)
    columns = {
        "name": f"vpc-{spec.id}",
        "options": options,
        "copp": [fair_shares.ensure_controller_limits(replica, transaction, spec.id)],
        "external_ids": labels("vpc", spec.id, spec.generation, vni=str(spec.vni)),
    }
    ensure_row(replica, transaction, "Logical_Router", id, columns)


def remove_vpc(replica: Any, id: str) -> None:
    """Remove the router."""
    router = find(replica, "Logical_Router", uuid.UUID(id))
    if router is None:
        return
    if router.ports:
        raise vpc_in_use(id)
    fair_shares.remove_controller_limits(replica, id)
    router.delete()


def vpc_holds(replica: Any, router: Any) -> bool:
    """Whether a VPC's router has what every one has."""
    id = router.external_ids["scloud:id"]
    return (
        fair_shares.is_under_controller_limits(id, router)
        and fair_shares.controller_limits_hold(replica, id)
        and not differs(router, {"options": ROUTER_OPTIONS})
    )


def ensure_subnet(replica: Any, transaction: Any, spec: SubnetSpec) -> None:
    """Make the switch, its gateway on the VPC's router, and DHCP."""
    network = _network(spec)
    router = find(replica, "Logical_Router", uuid.UUID(spec.vpc_id))
    if router is None:
        raise missing_vpc(spec)
    switch, new = ensure_row(
        replica,
        transaction,
        "Logical_Switch",
        uuid.UUID(spec.id),
        {
            "name": f"subnet-{spec.id}",
            "other_config": SWITCH_OPTIONS,
            "copp": [fair_shares.ensure_controller_limits(replica, transaction, spec.vpc_id)],
            "external_ids": labels("subnet", spec.id, spec.generation, vpc=spec.vpc_id, cidr=spec.cidr),
        },
    )
    _ensure_gateway(replica, transaction, spec, network, router, switch)
    _ensure_dhcp(replica, transaction, spec, network)
    _ensure_dhcp_passes(replica, transaction, spec, switch)
    fair_shares.ensure_always_on(replica, transaction, spec.id, spec.cidr, switch, new)


def remove_subnet(replica: Any, id: str) -> None:
    """Remove the switch with its helper rows."""
    switch = find(replica, "Logical_Switch", uuid.UUID(id))
    if switch is None:
        return
    if any(port.type != "router" for port in switch.ports):
        raise subnet_in_use(id)
    router = find(replica, "Logical_Router", uuid.UUID(switch.external_ids["scloud:vpc"]))
    gateway = find(replica, "Logical_Router_Port", derived(id, "gateway"))
    if router is not None and gateway is not None:
        router.delvalue("ports", gateway)
    dhcp = find(replica, "DHCP_Options", derived(id, "dhcp"))
    if dhcp is not None:
        dhcp.delete()
    switch.delete()


def subnet_holds(replica: Any, switch: Any) -> bool:
    """Whether a subnet's switch has what every one has."""
    about = switch.external_ids
    id, vpc_id, cidr = about["scloud:id"], about["scloud:vpc"], about.get("scloud:cidr", "")
    return (
        fair_shares.is_under_controller_limits(vpc_id, switch)
        and fair_shares.always_on_holds(replica, id, cidr, switch)
        and not differs(switch, {"other_config": SWITCH_OPTIONS})
    )


def _network(spec: SubnetSpec) -> ipaddress.IPv4Network:
    try:
        network = ipaddress.IPv4Network(spec.cidr)
        inside = ipaddress.IPv4Address(spec.gateway) in network
    except ValueError:
        inside = False
    if not inside:
        raise DriverError(
            _("%(cidr)s with gateway %(gateway)s is not a valid IPv4 subnet."),
            values={"cidr": spec.cidr, "gateway": spec.gateway},
            code="fabric.invalid",
            permanent=True,
        )
    return network


def _ensure_gateway(
    replica: Any, transaction: Any, spec: SubnetSpec, network: ipaddress.IPv4Network, router: Any, switch: Any
) -> None:
    name = f"gw-{spec.id}"
    gateway, new = ensure_row(
        replica,
        transaction,
        "Logical_Router_Port",
        derived(spec.id, "gateway"),
        {
            "name": name,
            "mac": spec.gateway_mac,
            "networks": [f"{spec.gateway}/{network.prefixlen}"],
            "external_ids": labels("gateway", spec.id, spec.generation),
        },
    )
    if new:
        router.addvalue("ports", gateway)
    uplink, new = ensure_row(
        replica,
        transaction,
        "Logical_Switch_Port",
        derived(spec.id, "uplink"),
        {
            "name": f"up-{spec.id}",
            "type": "router",
            "options": {"router-port": name},
            "addresses": ["router"],
            "external_ids": labels("uplink", spec.id, spec.generation),
        },
    )
    if new:
        switch.addvalue("ports", uplink)


def _ensure_dhcp(replica: Any, transaction: Any, spec: SubnetSpec, network: ipaddress.IPv4Network) -> None:
    options = {
        "server_id": spec.gateway,
        "server_mac": spec.gateway_mac,
        "router": spec.gateway,
        "lease_time": str(LEASE_SECONDS),
        "mtu": str(spec.mtu),
    }
    if servers := [server for server in spec.dns if ":" not in server]:
        options["dns_server"] = "{" + ", ".join(servers) + "}"
    row, new = ensure_row(
        replica,
        transaction,
        "DHCP_Options",
        derived(spec.id, "dhcp"),
        {"cidr": str(network), "options": options, "external_ids": labels("dhcp", spec.id, spec.generation)},
    )
    if not new:
        drop_keys(row, "options", set(options))


def _ensure_dhcp_passes(replica: Any, transaction: Any, spec: SubnetSpec, switch: Any) -> None:
    """Let DHCP requests to this subnet's own server through, whatever the groups of a port deny."""
    match = f"ip4.dst == {{255.255.255.255, {spec.gateway}}} && udp.src == 68 && udp.dst == 67"
    rule, new = ensure_row(
        replica,
        transaction,
        "ACL",
        derived(spec.id, "dhcp-passes"),
        {
            "direction": "from-lport",
            "priority": DHCP_PRIORITY,
            "match": match,
            "action": "allow",
            "external_ids": labels("dhcp-passes", spec.id, spec.generation),
        },
    )
    if new:
        switch.addvalue("acls", rule)
