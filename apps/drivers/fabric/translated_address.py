"""External addresses by one-to-one NAT on a VPC's router, in the fabric."""

from __future__ import annotations

from apps.drivers.fabric.declared import FabricKind, InMemory, InOvn, declare
from apps.drivers.fabric.external_port import ADDRESS_COLUMNS
from apps.drivers.fabric_errors import (
    external_address_in_use,
    missing_edge,
    missing_inside_port,
    missing_provider_network,
    missing_vpc,
    uplink_in_use,
)
from apps.drivers.memory.records import (
    EDGES,
    EXTERNAL_ADDRESSES,
    PORTS,
    PROVIDER_NETWORKS,
    SUBNETS,
    TRANSLATED,
    UNPROTECTED,
    UPLINKS,
    VPCS,
    State,
)
from apps.drivers.ovn import translated
from apps.drivers.specs import TranslatedAddressSpec


def _ensure(state: State, spec: TranslatedAddressSpec) -> None:
    if state.get(EDGES, spec.edge_id) is None:
        raise missing_edge(spec)
    if state.get(VPCS, spec.vpc_id) is None:
        raise missing_vpc(spec)
    if not _has_inside_port(state, spec):
        raise missing_inside_port(spec)
    if state.get(EXTERNAL_ADDRESSES, _address_key(spec)) not in (None, spec.id):
        raise external_address_in_use(spec.id, spec.address.ip)
    if state.get(UPLINKS, _uplink_key(spec)) not in (None, spec.vpc_id):
        raise uplink_in_use(spec)
    if state.get(PROVIDER_NETWORKS, spec.address.provider_network_id) is None:
        raise missing_provider_network(spec.id, spec.address.provider_network_id)
    old = state.get(TRANSLATED, spec.id)
    if old is not None:
        state.delete(EXTERNAL_ADDRESSES, _address_key(old))
    state.put(EXTERNAL_ADDRESSES, _address_key(spec), spec.id)
    state.put(UPLINKS, _uplink_key(spec), spec.vpc_id)
    state.put(TRANSLATED, spec.id, spec)
    state.delete(UNPROTECTED, spec.id)


def _remove(state: State, id: str) -> None:
    old = state.get(TRANSLATED, id)
    if old is None:
        return
    state.delete(EXTERNAL_ADDRESSES, _address_key(old))
    state.delete(TRANSLATED, id)
    if not any(one.vpc_id == old.vpc_id for one in state.all(TRANSLATED).values()):
        state.delete(UPLINKS, _uplink_key(old))


def _has_inside_port(state: State, spec: TranslatedAddressSpec) -> bool:
    subnets = {id for id, subnet in state.all(SUBNETS).items() if subnet.vpc_id == spec.vpc_id}
    return any(
        port.subnet_id in subnets and spec.inside_ip in (port.ip, port.ip6)
        for port in state.all(PORTS).values()
    )


def _address_key(spec: TranslatedAddressSpec) -> str:
    return f"{spec.edge_id}/{spec.address.ip}"


def _uplink_key(spec: TranslatedAddressSpec) -> str:
    return f"{spec.edge_id}/{spec.uplink}"


declare(
    FabricKind(
        "translated_address",
        TranslatedAddressSpec,
        InMemory(TRANSLATED, _ensure, _remove),
        InOvn(
            "NAT",
            translated.ensure_translated,
            translated.remove_translated,
            {
                "Logical_Router_Port": ("name", "mac", "networks", "ha_chassis_group"),
                "Logical_Router_Policy": ("priority", "match", "action"),
                "Logical_Switch_Port": ("name", "type", "options", "addresses"),
                "Logical_Switch": ("ports", "qos_rules"),
                **ADDRESS_COLUMNS,
            },
            translated.translated_holds,
        ),
    )
)
