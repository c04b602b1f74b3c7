"""VPCs in the fabric."""

from __future__ import annotations

from apps.drivers.fabric.declared import FabricKind, InMemory, InOvn, declare
from apps.drivers.fabric_errors import vni_in_use, vpc_in_use
from apps.drivers.memory.records import SUBNETS, TRANSLATED, UNPROTECTED, VNIS, VPCS, State
from apps.drivers.ovn import fair_shares, topology
from apps.drivers.specs import VpcSpec


def _ensure(state: State, spec: VpcSpec) -> None:
    if state.get(VNIS, str(spec.vni)) not in (None, spec.id):
        raise vni_in_use(spec)
    old = state.get(VPCS, spec.id)
    if old is not None and old.vni != spec.vni:
        state.delete(VNIS, str(old.vni))
    state.put(VNIS, str(spec.vni), spec.id)
    state.put(VPCS, spec.id, spec)
    state.delete(UNPROTECTED, spec.id)


def _remove(state: State, id: str) -> None:
    vpc = state.get(VPCS, id)
    if vpc is None:
        return
    used = {subnet.vpc_id for subnet in state.all(SUBNETS).values()}
    if id in used | {address.vpc_id for address in state.all(TRANSLATED).values()}:
        raise vpc_in_use(id)
    state.delete(VNIS, str(vpc.vni))
    state.delete(VPCS, id)


declare(
    FabricKind(
        "vpc",
        VpcSpec,
        InMemory(VPCS, _ensure, _remove),
        InOvn(
            "Logical_Router",
            topology.ensure_vpc,
            topology.remove_vpc,
            {"Logical_Router": ("name", "ports", "options", "copp"), **fair_shares.CONTROLLER_COLUMNS},
            topology.vpc_holds,
        ),
    )
)
