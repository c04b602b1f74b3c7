"""The pretend network fabric."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from apps.drivers.fabric_errors import (
    address_in_use,
    group_in_use,
    missing_group,
    missing_subnet,
    missing_vpc,
    subnet_in_use,
    vni_in_use,
    vpc_in_use,
)
from apps.drivers.memory.records import (
    ADDRESSES,
    GROUPS,
    PORTS,
    SUBNETS,
    UNPROTECTED,
    VNIS,
    VPCS,
    State,
    Table,
)
from apps.drivers.memory.world import World
from apps.drivers.protocols import Guard
from apps.drivers.specs import (
    FabricInventory,
    FabricKind,
    PortSpec,
    SecurityGroupSpec,
    SubnetSpec,
    VpcSpec,
)


class MemoryFabric:
    """`Fabric` over a `World`; `guard` is called right before every change and may raise."""

    def __init__(self, world: World, guard: Guard | None = None) -> None:
        self._world = world
        self._guard = guard

    def ensure_vpc(self, spec: VpcSpec) -> None:
        with self._change("ensure_vpc") as state:
            if state.get(VNIS, str(spec.vni)) not in (None, spec.id):
                raise vni_in_use(spec)
            old = state.get(VPCS, spec.id)
            if old is not None and old.vni != spec.vni:
                state.delete(VNIS, str(old.vni))
            state.put(VNIS, str(spec.vni), spec.id)
            state.put(VPCS, spec.id, spec)
            state.delete(UNPROTECTED, spec.id)

    def ensure_subnet(self, spec: SubnetSpec) -> None:
        with self._change("ensure_subnet") as state:
            if state.get(VPCS, spec.vpc_id) is None:
                raise missing_vpc(spec)
            state.put(SUBNETS, spec.id, spec)
            state.delete(UNPROTECTED, spec.id)

    def ensure_port(self, spec: PortSpec) -> None:
        with self._change("ensure_port") as state:
            if state.get(SUBNETS, spec.subnet_id) is None:
                raise missing_subnet(spec)
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

    def ensure_security_group(self, spec: SecurityGroupSpec) -> None:
        with self._change("ensure_security_group") as state:
            state.put(GROUPS, spec.id, spec)

    def ensure_absent(self, kind: FabricKind, id: str) -> None:
        with self._change("ensure_absent") as state:
            _KINDS[kind].remove(state, id)

    def inventory(self) -> FabricInventory:
        with self._world.call("fabric.inventory") as state:
            return FabricInventory(
                generations={kind: _generations(state, known.table) for kind, known in _KINDS.items()},
                connection_limits={key: port.connection_limit for key, port in state.all(PORTS).items()},
                unprotected=frozenset(state.all(UNPROTECTED)),
            )

    @contextmanager
    def _change(self, verb: str) -> Iterator[State]:
        with self._world.call(f"fabric.{verb}") as state:
            if self._guard is not None:
                self._guard()
            yield state


def _generations(state: State, table: Table[Any]) -> dict[str, int]:
    return {id: spec.generation for id, spec in state.all(table).items()}


def _address_keys(spec: PortSpec) -> tuple[str, str]:
    return f"{spec.subnet_id}/{spec.ip}", f"{spec.subnet_id}/{spec.mac.lower()}"


def _free(state: State, port: PortSpec) -> None:
    for key in _address_keys(port):
        state.delete(ADDRESSES, key)


def _remove_vpc(state: State, id: str) -> None:
    vpc = state.get(VPCS, id)
    if vpc is None:
        return
    if any(subnet.vpc_id == id for subnet in state.all(SUBNETS).values()):
        raise vpc_in_use(id)
    state.delete(VNIS, str(vpc.vni))
    state.delete(VPCS, id)


def _remove_subnet(state: State, id: str) -> None:
    if any(port.subnet_id == id for port in state.all(PORTS).values()):
        raise subnet_in_use(id)
    state.delete(SUBNETS, id)


def _remove_port(state: State, id: str) -> None:
    if (port := state.get(PORTS, id)) is not None:
        _free(state, port)
        state.delete(PORTS, id)


def _remove_group(state: State, id: str) -> None:
    if any(id in port.security_group_ids for port in state.all(PORTS).values()):
        raise group_in_use(id)
    state.delete(GROUPS, id)


@dataclass(frozen=True, slots=True)
class _Kind:
    """Where a kind's specs are kept, and how one is removed."""

    table: Table[Any]
    remove: Callable[[State, str], None]


_KINDS = {
    FabricKind.VPC: _Kind(VPCS, _remove_vpc),
    FabricKind.SUBNET: _Kind(SUBNETS, _remove_subnet),
    FabricKind.PORT: _Kind(PORTS, _remove_port),
    FabricKind.SECURITY_GROUP: _Kind(GROUPS, _remove_group),
}
