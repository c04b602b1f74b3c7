"""Subnets in the fabric."""

from __future__ import annotations

from apps.drivers.fabric.declared import FabricKind, InMemory, InOvn, declare
from apps.drivers.fabric_errors import missing_vpc, subnet_in_use
from apps.drivers.memory.records import PORTS, SUBNETS, UNPROTECTED, VPCS, State
from apps.drivers.ovn import fair_shares, topology
from apps.drivers.specs import SubnetSpec


def _ensure(state: State, spec: SubnetSpec) -> None:
    if state.get(VPCS, spec.vpc_id) is None:
        raise missing_vpc(spec)
    state.put(SUBNETS, spec.id, spec)
    state.delete(UNPROTECTED, spec.id)


def _remove(state: State, id: str) -> None:
    if any(port.subnet_id == id for port in state.all(PORTS).values()):
        raise subnet_in_use(id)
    state.delete(SUBNETS, id)


declare(
    FabricKind(
        "subnet",
        SubnetSpec,
        InMemory(SUBNETS, _ensure, _remove),
        InOvn(
            "Logical_Switch",
            topology.ensure_subnet,
            topology.remove_subnet,
            {
                "Logical_Switch": ("name", "ports", "acls", "qos_rules", "copp", "other_config"),
                "Logical_Router_Port": ("name", "mac", "networks", "ipv6_ra_configs"),
                "Logical_Switch_Port": ("name", "type", "options", "addresses"),
                "DHCP_Options": ("cidr", "options"),
                "ACL": ("direction", "priority", "match", "action"),
                **fair_shares.CONTROLLER_COLUMNS,
                **fair_shares.FLOOD_COLUMNS,
            },
            topology.subnet_holds,
        ),
    )
)
