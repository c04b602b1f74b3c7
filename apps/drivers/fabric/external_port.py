"""External ports, the places of external NICs on the edge, in the fabric."""

from __future__ import annotations

from apps.drivers.fabric.declared import FabricKind, InMemory, InOvn, declare
from apps.drivers.fabric_errors import (
    external_address_in_use,
    mac_in_use,
    missing_edge,
    missing_group,
    missing_provider_network,
)
from apps.drivers.memory.records import (
    EDGES,
    EXTERNAL_ADDRESSES,
    EXTERNAL_PORTS,
    GROUPS,
    PROVIDER_NETWORKS,
    UNPROTECTED,
    State,
)
from apps.drivers.ovn import external_ports
from apps.drivers.specs import ExternalPortSpec

ADDRESS_COLUMNS = {
    "Logical_Router": ("nat", "static_routes", "policies"),
    "NAT": (
        "type",
        "external_ip",
        "logical_ip",
        "logical_port",
        "external_mac",
        "gateway_port",
        "options",
    ),
    "Logical_Router_Static_Route": ("ip_prefix", "nexthop", "output_port", "route_table"),
    "Static_MAC_Binding": ("logical_port", "ip", "mac", "override_dynamic_mac"),
    "QoS": ("direction", "priority", "match", "bandwidth"),
}
"""What an address needs, on a port or translated."""


def _ensure(state: State, spec: ExternalPortSpec) -> None:
    if state.get(EDGES, spec.edge_id) is None:
        raise missing_edge(spec)
    for group_id in spec.security_group_ids:
        if state.get(GROUPS, group_id) is None:
            raise missing_group(spec, group_id)
    if state.get(EXTERNAL_ADDRESSES, _mac_key(spec)) not in (None, spec.id):
        raise mac_in_use(spec)
    for address in spec.addresses:
        if state.get(EXTERNAL_ADDRESSES, f"{spec.edge_id}/{address.ip}") not in (None, spec.id):
            raise external_address_in_use(spec.id, address.ip)
        if state.get(PROVIDER_NETWORKS, address.provider_network_id) is None:
            raise missing_provider_network(spec.id, address.provider_network_id)
    old = state.get(EXTERNAL_PORTS, spec.id)
    if old is not None:
        _free(state, old)
    for key in _keys(spec):
        state.put(EXTERNAL_ADDRESSES, key, spec.id)
    state.put(EXTERNAL_PORTS, spec.id, spec)
    state.delete(UNPROTECTED, spec.id)


def _remove(state: State, id: str) -> None:
    if (port := state.get(EXTERNAL_PORTS, id)) is not None:
        _free(state, port)
        state.delete(EXTERNAL_PORTS, id)


def _free(state: State, port: ExternalPortSpec) -> None:
    for key in _keys(port):
        state.delete(EXTERNAL_ADDRESSES, key)


def _keys(spec: ExternalPortSpec) -> list[str]:
    return [_mac_key(spec), *(f"{spec.edge_id}/{address.ip}" for address in spec.addresses)]


def _mac_key(spec: ExternalPortSpec) -> str:
    return f"{spec.edge_id}/{spec.mac.lower()}"


declare(
    FabricKind(
        "external_port",
        ExternalPortSpec,
        InMemory(EXTERNAL_PORTS, _ensure, _remove),
        InOvn(
            "Logical_Switch_Port",
            external_ports.ensure_external_port,
            external_ports.remove_external_port,
            {
                "Logical_Switch_Port": (
                    "name",
                    "type",
                    "addresses",
                    "port_security",
                    "enabled",
                    "options",
                    "dhcpv4_options",
                ),
                "Logical_Switch": ("ports", "qos_rules"),
                "Port_Group": ("name", "ports"),
                "DHCP_Options": ("cidr", "options"),
                **ADDRESS_COLUMNS,
            },
            external_ports.external_port_holds,
        ),
    )
)
