"""Ports, the places of NICs, in the fabric."""

from __future__ import annotations

from apps.drivers.fabric.declared import FabricKind, InMemory, InOvn, declare
from apps.drivers.fabric_errors import address_in_use, missing_group, missing_ipv6, missing_subnet
from apps.drivers.memory.records import ADDRESSES, GROUPS, PORTS, SUBNETS, UNPROTECTED, State
from apps.drivers.ovn import ports
from apps.drivers.specs import PortSpec


def _ensure(state: State, spec: PortSpec) -> None:
    subnet = state.get(SUBNETS, spec.subnet_id)
    if subnet is None:
        raise missing_subnet(spec)
    if spec.ip6 and not subnet.cidr6:
        raise missing_ipv6(spec)
    for group_id in spec.security_group_ids:
        if state.get(GROUPS, group_id) is None:
            raise missing_group(spec, group_id)
    keys = _address_keys(spec)
    if any(state.get(ADDRESSES, key) not in (None, spec.id) for key in keys):
        raise address_in_use(spec)
    old = state.get(PORTS, spec.id)
    if old is not None:
        _free(state, old)
    for key in keys:
        state.put(ADDRESSES, key, spec.id)
    state.put(PORTS, spec.id, spec)
    state.delete(UNPROTECTED, spec.id)


def _remove(state: State, id: str) -> None:
    if (port := state.get(PORTS, id)) is not None:
        _free(state, port)
        state.delete(PORTS, id)


def _address_keys(spec: PortSpec) -> list[str]:
    words = (spec.ip, spec.ip6, spec.mac.lower())
    return [f"{spec.subnet_id}/{word}" for word in words if word]


def _free(state: State, port: PortSpec) -> None:
    for key in _address_keys(port):
        state.delete(ADDRESSES, key)


declare(
    FabricKind(
        "port",
        PortSpec,
        InMemory(PORTS, _ensure, _remove),
        InOvn(
            "Logical_Switch_Port",
            ports.ensure_port,
            ports.remove_port,
            {
                "Logical_Switch_Port": (
                    "name",
                    "type",
                    "addresses",
                    "port_security",
                    "options",
                    "dhcpv4_options",
                    "dhcpv6_options",
                ),
                "Logical_Switch": ("ports", "qos_rules"),
                "QoS": ("direction", "priority", "match", "bandwidth"),
                "Port_Group": ("name", "ports"),
            },
            ports.port_holds,
        ),
    )
)
