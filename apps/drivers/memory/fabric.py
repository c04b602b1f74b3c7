"""The pretend network fabric."""

from collections.abc import Iterator
from contextlib import contextmanager

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
from apps.drivers.memory.records import ADDRESSES, GROUPS, PORTS, SUBNETS, UNPROTECTED, VNIS, VPCS, State
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
            match kind:
                case FabricKind.VPC:
                    _remove_vpc(state, id)
                case FabricKind.SUBNET:
                    _remove_subnet(state, id)
                case FabricKind.PORT:
                    if (port := state.get(PORTS, id)) is not None:
                        _free(state, port)
                        state.delete(PORTS, id)
                case FabricKind.SECURITY_GROUP:
                    _remove_group(state, id)

    def inventory(self) -> FabricInventory:
        with self._world.call("fabric.inventory") as state:
            return FabricInventory(
                vpcs={key: vpc.generation for key, vpc in state.all(VPCS).items()},
                subnets={key: subnet.generation for key, subnet in state.all(SUBNETS).items()},
                ports={key: port.generation for key, port in state.all(PORTS).items()},
                security_groups={key: group.generation for key, group in state.all(GROUPS).items()},
                connection_limits={key: port.connection_limit for key, port in state.all(PORTS).items()},
                unprotected=frozenset(state.all(UNPROTECTED)),
            )

    @contextmanager
    def _change(self, verb: str) -> Iterator[State]:
        with self._world.call(f"fabric.{verb}") as state:
            if self._guard is not None:
                self._guard()
            yield state


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


def _remove_group(state: State, id: str) -> None:
    if any(id in port.security_group_ids for port in state.all(PORTS).values()):
        raise group_in_use(id)
    state.delete(GROUPS, id)
