"""Edges, the ways out of regions, in the fabric."""

from __future__ import annotations

from apps.drivers.fabric.declared import FabricKind, InMemory, InOvn, declare
from apps.drivers.fabric_errors import edge_in_use
from apps.drivers.memory.records import (
    EDGES,
    EXTERNAL_PORTS,
    PROVIDER_NETWORKS,
    TRANSLATED,
    UNPROTECTED,
    State,
)
from apps.drivers.ovn import edge, fair_shares
from apps.drivers.specs import EdgeSpec


def _ensure(state: State, spec: EdgeSpec) -> None:
    state.put(EDGES, spec.id, spec)
    state.delete(UNPROTECTED, spec.id)


def _remove(state: State, id: str) -> None:
    used = {network.edge_id for network in state.all(PROVIDER_NETWORKS).values()}
    used |= {port.edge_id for port in state.all(EXTERNAL_PORTS).values()}
    if id in used | {address.edge_id for address in state.all(TRANSLATED).values()}:
        raise edge_in_use(id)
    state.delete(EDGES, id)


declare(
    FabricKind(
        "edge",
        EdgeSpec,
        InMemory(EDGES, _ensure, _remove),
        InOvn(
            "Logical_Router",
            edge.ensure_edge,
            edge.remove_edge,
            {
                "Logical_Router": ("name", "ports", "options", "copp", "static_routes", "policies"),
                "Logical_Router_Port": ("name", "mac", "networks", "options"),
                "Logical_Router_Static_Route": ("ip_prefix", "nexthop", "output_port", "route_table"),
                "Logical_Router_Policy": ("priority", "match", "action", "nexthops"),
                "Logical_Switch": ("name", "ports", "acls", "copp", "other_config"),
                "Logical_Switch_Port": ("name", "type", "options", "addresses"),
                "Port_Group": ("name", "ports", "acls"),
                "ACL": ("direction", "priority", "match", "action", "options"),
                "HA_Chassis_Group": ("name", "ha_chassis"),
                "HA_Chassis": ("chassis_name", "priority"),
                **fair_shares.CONTROLLER_COLUMNS,
            },
            edge.edge_holds,
        ),
    )
)
