"""The `Fabric` driver for OVN: one transaction a verb, and none when there is nothing to change."""

import uuid
from collections.abc import Callable, Iterable, Iterator
from copy import copy
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain
from typing import Any

from apps.drivers.ovn import ports, security_groups, topology
from apps.drivers.ovn.northbound import Northbound
from apps.drivers.ovn.rows import find
from apps.drivers.protocols import Guard
from apps.drivers.specs import (
    FabricInventory,
    FabricKind,
    PortSpec,
    SecurityGroupSpec,
    SubnetSpec,
    VpcSpec,
)

AT_ONCE = 100
"""So many objects are looked at before a change may come between: some 30 ms."""


class OvnFabric:
    """`Fabric` over the northbound database at `address` ("ssl:10.0.0.5:6641", "unix:/run/ovn/ovnnb_db.sock").

    Make one per process and keep it: it connects on first use and holds a replica. All threads may use it.
    """

    def __init__(self, address: str, *, timeout: float = 10.0) -> None:
        self._northbound = Northbound(address, timeout)
        self._guard: Guard | None = None

    def guarded(self, guard: Guard) -> "OvnFabric":
        """Return the same fabric, calling `guard` right before every change, in the thread that sends it."""
        view = copy(self)
        view._guard = guard
        return view

    def ensure_vpc(self, spec: VpcSpec) -> None:
        self._change(partial(topology.ensure_vpc, spec=spec))

    def ensure_subnet(self, spec: SubnetSpec) -> None:
        self._change(partial(topology.ensure_subnet, spec=spec))

    def ensure_port(self, spec: PortSpec) -> None:
        self._change(partial(ports.ensure_port, spec=spec))

    def ensure_security_group(self, spec: SecurityGroupSpec) -> None:
        self._change(partial(security_groups.ensure_security_group, spec=spec))

    def ensure_absent(self, kind: FabricKind, id: str) -> None:
        remove = _KINDS[kind].remove
        self._change(lambda replica, _: remove(replica, id))

    def inventory(self) -> FabricInventory:
        seen = self._northbound.read(_inventory)
        bare = (self._unprotected(seen.of(kind), _KINDS[kind]) for kind in FabricKind)
        return replace(seen, unprotected=frozenset(chain.from_iterable(bare)))

    def _unprotected(self, ids: Iterable[str], kind: "_Kind") -> Iterator[str]:
        """Yield those that lack something, a few at a time: changes wait while the replica is read."""
        if kind.holds is not None:
            for some in _batches(list(ids)):
                yield from self._northbound.read(
                    partial(_lacking, some=some, table=kind.table, holds=kind.holds)
                )

    def close(self) -> None:
        """End the connection."""
        self._northbound.close()

    def _change(self, function: Callable[[Any, Any], None]) -> None:
        guard = self._guard

        def guarded(replica: Any, transaction: Any) -> None:
            if guard is not None:
                guard()
            function(replica, transaction)

        self._northbound.change(guarded)


@dataclass(frozen=True, slots=True)
class _Kind:
    """The table of a kind's rows, how one is removed, and whether one has what each must have (None: nothing)."""

    table: str
    remove: Callable[[Any, str], None]
    holds: Callable[[Any, Any], bool] | None = None


_KINDS = {
    FabricKind.VPC: _Kind("Logical_Router", topology.remove_vpc, topology.vpc_holds),
    FabricKind.SUBNET: _Kind("Logical_Switch", topology.remove_subnet, topology.subnet_holds),
    FabricKind.PORT: _Kind("Logical_Switch_Port", ports.remove_port, ports.port_holds),
    FabricKind.SECURITY_GROUP: _Kind("Port_Group", security_groups.remove_security_group),
}


def _inventory(replica: Any) -> FabricInventory:
    return FabricInventory(
        generations={kind: _generations(replica, kind) for kind in FabricKind},
        connection_limits={
            row.external_ids["scloud:id"]: ports.connection_limit(row)
            for row in _ours(replica, FabricKind.PORT)
        },
    )


def _generations(replica: Any, kind: FabricKind) -> dict[str, int]:
    return {
        row.external_ids["scloud:id"]: int(row.external_ids["scloud:generation"])
        for row in _ours(replica, kind)
    }


def _batches(ids: list[str]) -> Iterator[list[str]]:
    return (ids[start : start + AT_ONCE] for start in range(0, len(ids), AT_ONCE))


def _lacking(replica: Any, some: list[str], table: str, holds: Callable[[Any, Any], bool]) -> list[str]:
    rows = ((id, find(replica, table, uuid.UUID(id))) for id in some)
    return [id for id, row in rows if row is not None and not holds(replica, row)]


def _ours(replica: Any, kind: FabricKind) -> Iterator[Any]:
    rows = replica.tables[_KINDS[kind].table].rows.values()
    return (row for row in rows if row.external_ids.get("scloud:kind") == kind)
