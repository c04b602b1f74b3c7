"""The `Fabric` driver for OVN: one transaction a verb, and none when there is nothing to change."""

import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from copy import copy
from dataclasses import replace
from functools import partial
from itertools import chain
from typing import Any

from apps.drivers.fabric.declared import FabricKind, InOvn, kind_of, kinds
from apps.drivers.ovn import ports
from apps.drivers.ovn.northbound import Northbound
from apps.drivers.ovn.ports import set_hosts
from apps.drivers.ovn.rows import find
from apps.drivers.protocols import Guard
from apps.drivers.specs import ExternalPortSpec, FabricInventory, FabricSpec, PortSpec

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

    def ensure(self, spec: FabricSpec) -> None:
        ensure = kind_of(type(spec)).ovn.ensure
        self._change(lambda replica, transaction: ensure(replica, transaction, spec))

    def ensure_absent(self, kind: type[FabricSpec], id: str) -> None:
        remove = kind_of(kind).ovn.remove
        self._change(lambda replica, _: remove(replica, id))

    def ensure_hosts(self, ports: Sequence[str], hosts: Sequence[str]) -> None:
        def bind(replica: Any, _: Any) -> None:
            for id in ports:
                set_hosts(replica, id, hosts)

        self._change(bind)

    def inventory(self) -> FabricInventory:
        seen = self._northbound.read(_inventory)
        bare = (self._unprotected(seen.of(spec), kind.ovn) for spec, kind in kinds().items())
        return replace(seen, unprotected=frozenset(chain.from_iterable(bare)))

    def _unprotected(self, ids: Iterable[str], kind: InOvn[Any]) -> Iterator[str]:
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


def _inventory(replica: Any) -> FabricInventory:
    return FabricInventory(
        generations={spec: _generations(replica, kind) for spec, kind in kinds().items()},
        connection_limits={
            row.external_ids["scloud:id"]: ports.connection_limit(row)
            for kind in (PortSpec, ExternalPortSpec)
            for row in _ours(replica, kind_of(kind))
        },
    )


def _generations(replica: Any, kind: FabricKind[Any]) -> dict[str, int]:
    return {
        row.external_ids["scloud:id"]: int(row.external_ids["scloud:generation"])
        for row in _ours(replica, kind)
    }


def _batches(ids: list[str]) -> Iterator[list[str]]:
    return (ids[start : start + AT_ONCE] for start in range(0, len(ids), AT_ONCE))


def _lacking(replica: Any, some: list[str], table: str, holds: Callable[[Any, Any], bool]) -> list[str]:
    rows = ((id, find(replica, table, uuid.UUID(id))) for id in some)
    return [id for id, row in rows if row is not None and not holds(replica, row)]


def _ours(replica: Any, kind: FabricKind[Any]) -> Iterator[Any]:
    rows = replica.tables[kind.ovn.table].rows.values()
    return (row for row in rows if row.external_ids.get("scloud:kind") == kind.name)
