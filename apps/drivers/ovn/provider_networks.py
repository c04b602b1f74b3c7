"""Provider networks: a switch with a way to a VLAN of a physical network, and a port of the edge's router on it."""

import ipaddress
import uuid
from typing import Any

from apps.drivers.errors import DriverError
from apps.drivers.errors import mark as _
from apps.drivers.fabric_errors import missing_edge, provider_network_in_use, vlan_in_use
from apps.drivers.ovn import edge, fair_shares
from apps.drivers.ovn.provider_policies import Rows, gateway_routes, policies, router_port
from apps.drivers.ovn.rows import (
    Columns,
    derived,
    differs,
    drop_children,
    ensure_child,
    ensure_row,
    find,
    labels,
)
from apps.drivers.ovn.topology import SWITCH_OPTIONS
from apps.drivers.specs import ExternalNetwork, ProviderNetworkSpec


def ensure_provider_network(replica: Any, transaction: Any, spec: ProviderNetworkSpec) -> None:
    """Make the switch, the router's port with its addresses, and the policies that choose this network by source."""
    networks = [_checked(network) for network in spec.networks]
    router = find(replica, "Logical_Router", uuid.UUID(spec.edge_id))
    if router is None:
        raise missing_edge(spec)
    _refuse_second(replica, spec)
    ends = (replica, transaction)
    limits = fair_shares.ensure_controller_limits(replica, transaction, spec.id)
    switch, _new = ensure_row(
        replica,
        transaction,
        "Logical_Switch",
        uuid.UUID(spec.id),
        {
            "name": f"provider-{spec.id}",
            "other_config": SWITCH_OPTIONS,
            "copp": [limits],
            "external_ids": labels(
                "provider_network", spec.id, spec.generation, edge=spec.edge_id, vlan=_place(spec)
            ),
        },
    )
    port = {
        "name": router_port(spec.id),
        "mac": spec.mac.lower(),
        "networks": [
            f"{one.router_address}/{net.prefixlen}" for one, net in zip(spec.networks, networks, strict=True)
        ],
        "ha_chassis_group": [edge.chassis_group(spec.edge_id)],
        "options": {"route_table": edge.OUTSIDE},
        "external_ids": labels("provider-port", spec.id, spec.generation),
    }
    ensure_child(ends, "Logical_Router_Port", derived(spec.id, "gateway"), port, (router, "ports"))
    for id, columns in _switch_ports(spec).items():
        ensure_child(ends, "Logical_Switch_Port", id, columns, (switch, "ports"))
    wanted = policies(spec)
    for id, columns in wanted.items():
        ensure_child(ends, "Logical_Router_Policy", id, columns, (router, "policies"))
    drop_children((router, "policies"), "provider-policy", spec.id, keep=set(wanted))
    routes = gateway_routes(spec)
    for id, columns in routes.items():
        ensure_child(ends, "Logical_Router_Static_Route", id, columns, (router, "static_routes"))
    drop_children((router, "static_routes"), "provider-route", spec.id, keep=set(routes))


def remove_provider_network(replica: Any, id: str) -> None:
    """Remove the switch and the router's port; refused while an address of it is used."""
    switch = find(replica, "Logical_Switch", uuid.UUID(id))
    if switch is None:
        return
    router = find(replica, "Logical_Router", uuid.UUID(switch.external_ids["scloud:edge"]))
    if router is not None:
        if any(row.external_ids.get("scloud:network") == id for row in router.nat):
            raise provider_network_in_use(id)
        drop_children((router, "policies"), "provider-policy", id, keep=set())
        drop_children((router, "static_routes"), "provider-route", id, keep=set())
        gateway = find(replica, "Logical_Router_Port", derived(id, "gateway"))
        if gateway is not None:
            router.delvalue("ports", gateway)
    fair_shares.remove_controller_limits(replica, id)
    switch.delete()


def provider_network_holds(replica: Any, switch: Any) -> bool:
    """Whether a provider network has what every one has."""
    id = switch.external_ids["scloud:id"]
    physical_network, _, vlan = switch.external_ids.get("scloud:vlan", "").rpartition(" ")
    localnet = find(replica, "Logical_Switch_Port", derived(id, "localnet"))
    return (
        fair_shares.is_under_controller_limits(id, switch)
        and fair_shares.controller_limits_hold(replica, id)
        and not differs(switch, {"other_config": SWITCH_OPTIONS})
        and not differs(
            localnet,
            {"type": "localnet", "tag": _tag(int(vlan or 0)), "options": {"network_name": physical_network}},
        )
    )


def _place(spec: ProviderNetworkSpec) -> str:
    return f"{spec.physical_network} {spec.vlan}"


def _tag(vlan: int) -> list[int]:
    return [vlan] if vlan else []


def _refuse_second(replica: Any, spec: ProviderNetworkSpec) -> None:
    """Two switches on one VLAN would be one network that OVN takes for two."""
    id = uuid.UUID(spec.id)
    for other in replica.tables["Logical_Switch"].rows.values():
        if other.uuid != id and other.external_ids.get("scloud:vlan") == _place(spec):
            raise vlan_in_use(spec)


def _switch_ports(spec: ProviderNetworkSpec) -> Rows:
    about = {"external_ids": labels("provider-port", spec.id, spec.generation)}
    localnet: Columns = {
        "name": f"provider-net-{spec.id}",
        "type": "localnet",
        "tag": _tag(spec.vlan),
        "options": {"network_name": spec.physical_network},
        "addresses": ["unknown"],
        **about,
    }
    uplink: Columns = {
        "name": f"provider-up-{spec.id}",
        "type": "router",
        "options": {"router-port": router_port(spec.id), "nat-addresses": "router"},
        "addresses": ["router"],
        **about,
    }
    return {derived(spec.id, "localnet"): localnet, derived(spec.id, "uplink"): uplink}


def _checked(network: ExternalNetwork) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    try:
        cidr = ipaddress.ip_network(network.cidr)
        inside = all(
            ipaddress.ip_address(address) in cidr
            for address in (network.router_address, network.gateway)
            if address
        )
    except ValueError:
        inside = False
    if not inside:
        raise DriverError(
            _("%(cidr)s with gateway %(gateway)s and router address %(router)s is not a valid network."),
            values={"cidr": network.cidr, "gateway": network.gateway, "router": network.router_address},
            code="fabric.invalid",
            permanent=True,
        )
    return cidr
