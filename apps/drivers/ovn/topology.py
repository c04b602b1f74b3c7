"""VPCs and subnets: a logical router; a logical switch with its gateway port and its DHCP options."""

import ipaddress
import uuid
from typing import Any

from apps.drivers.errors import DriverError
from apps.drivers.errors import mark as _
from apps.drivers.fabric_errors import missing_vpc, subnet_in_use, vni_in_use, vpc_in_use
from apps.drivers.ovn import dhcp, fair_shares
from apps.drivers.ovn.rows import derived, differs, drop_keys, ensure_row, find, labels
from apps.drivers.specs import SubnetSpec, VpcSpec

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
            "external_ids": labels(
                "subnet", spec.id, spec.generation, vpc=spec.vpc_id, cidr=spec.cidr, cidr6=spec.cidr6
            ),
        },
    )
    ends = (replica, transaction)
    _ensure_gateway(replica, transaction, spec, network, router, switch)
    dhcp.ensure_dhcp(ends, spec, switch, router)
    fair_shares.ensure_always_on(ends, spec.id, (spec.cidr, spec.cidr6), switch, new)


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
    dhcp.remove_dhcp(replica, id, router)
    switch.delete()


def subnet_holds(replica: Any, switch: Any) -> bool:
    """Whether a subnet's switch has what every one has."""
    about = switch.external_ids
    id, vpc_id = about["scloud:id"], about["scloud:vpc"]
    blocks = (about.get("scloud:cidr", ""), about.get("scloud:cidr6", ""))
    return (
        fair_shares.is_under_controller_limits(vpc_id, switch)
        and fair_shares.always_on_holds(replica, id, blocks, switch)
        and dhcp.dhcp_holds(replica, id, with_ipv6=bool(blocks[1]))
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


def _network6(spec: SubnetSpec) -> list[str]:
    """Return the gateway's IPv6 address with its prefix; none for a subnet without."""
    if not spec.cidr6:
        return []
    try:
        network = ipaddress.IPv6Network(spec.cidr6)
        inside = ipaddress.IPv6Address(spec.gateway6) in network
    except ValueError:
        inside = False
    if not inside:
        raise DriverError(
            _("%(cidr)s with gateway %(gateway)s is not a valid IPv6 subnet."),
            values={"cidr": spec.cidr6, "gateway": spec.gateway6},
            code="fabric.invalid",
            permanent=True,
        )
    return [f"{spec.gateway6}/{network.prefixlen}"]


def _advertisements(spec: SubnetSpec) -> dict[str, str]:
    """Return how the gateway advertises itself: addresses are by DHCPv6, the default route is its own."""
    if not spec.cidr6:
        return {}
    return {"address_mode": "dhcpv6_stateful", "send_periodic": "true", "mtu": str(spec.mtu)}


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
            "networks": [f"{spec.gateway}/{network.prefixlen}", *_network6(spec)],
            "ipv6_ra_configs": _advertisements(spec),
            "external_ids": labels("gateway", spec.id, spec.generation),
        },
    )
    if new:
        router.addvalue("ports", gateway)
    else:
        drop_keys(gateway, "ipv6_ra_configs", set(_advertisements(spec)))
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
