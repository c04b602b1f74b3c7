"""Provider networks, VLANs outside the platform, in the fabric."""

from __future__ import annotations

from apps.drivers.fabric.declared import FabricKind, InMemory, InOvn, declare
from apps.drivers.fabric_errors import missing_edge, provider_network_in_use, vlan_in_use
from apps.drivers.memory.records import (
    EDGES,
    EXTERNAL_PORTS,
    PROVIDER_NETWORKS,
    TRANSLATED,
    UNPROTECTED,
    VLANS,
    State,
)
from apps.drivers.ovn import fair_shares, provider_networks
from apps.drivers.specs import ProviderNetworkSpec


def _ensure(state: State, spec: ProviderNetworkSpec) -> None:
    if state.get(EDGES, spec.edge_id) is None:
        raise missing_edge(spec)
    if state.get(VLANS, _vlan(spec)) not in (None, spec.id):
        raise vlan_in_use(spec)
    old = state.get(PROVIDER_NETWORKS, spec.id)
    if old is not None:
        state.delete(VLANS, _vlan(old))
    state.put(VLANS, _vlan(spec), spec.id)
    state.put(PROVIDER_NETWORKS, spec.id, spec)
    state.delete(UNPROTECTED, spec.id)


def _remove(state: State, id: str) -> None:
    network = state.get(PROVIDER_NETWORKS, id)
    if network is None:
        return
    of_ports = (one for port in state.all(EXTERNAL_PORTS).values() for one in port.addresses)
    translated = (one.address for one in state.all(TRANSLATED).values())
    if any(one.provider_network_id == id for one in (*of_ports, *translated)):
        raise provider_network_in_use(id)
    state.delete(VLANS, _vlan(network))
    state.delete(PROVIDER_NETWORKS, id)


def _vlan(spec: ProviderNetworkSpec) -> str:
    return f"{spec.physical_network}/{spec.vlan}"


declare(
    FabricKind(
        "provider_network",
        ProviderNetworkSpec,
        InMemory(PROVIDER_NETWORKS, _ensure, _remove),
        InOvn(
            "Logical_Switch",
            provider_networks.ensure_provider_network,
            provider_networks.remove_provider_network,
            {
                "Logical_Switch": ("name", "ports", "copp", "other_config"),
                "Logical_Switch_Port": ("name", "type", "tag", "options", "addresses"),
                "Logical_Router": ("ports", "policies", "static_routes", "nat"),
                "Logical_Router_Static_Route": ("ip_prefix", "nexthop", "output_port", "route_table"),
                "Logical_Router_Port": ("name", "mac", "networks", "ha_chassis_group", "options"),
                "Logical_Router_Policy": ("priority", "match", "action", "nexthops"),
                **fair_shares.CONTROLLER_COLUMNS,
            },
            provider_networks.provider_network_holds,
        ),
    )
)
