"""The pretend network fabric."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from apps.drivers.fabric.declared import kind_of, kinds
from apps.drivers.memory.records import EXTERNAL_PORTS, PORT_HOSTS, PORTS, UNPROTECTED, State, Table
from apps.drivers.memory.world import World
from apps.drivers.protocols import Guard
from apps.drivers.specs import FabricInventory, FabricSpec


class MemoryFabric:
    """`Fabric` over a `World`; `guard` is called right before every change and may raise."""

    def __init__(self, world: World, guard: Guard | None = None) -> None:
        self._world = world
        self._guard = guard

    def ensure(self, spec: FabricSpec) -> None:
        kind = kind_of(type(spec))
        with self._change(f"ensure_{kind.name}") as state:
            if kind.memory.ensure is None:
                state.put(kind.memory.table, spec.id, spec)
            else:
                kind.memory.ensure(state, spec)

    def ensure_absent(self, kind: type[FabricSpec], id: str) -> None:
        known = kind_of(kind).memory
        with self._change("ensure_absent") as state:
            if known.remove is None:
                state.delete(known.table, id)
            else:
                known.remove(state, id)

    def ensure_hosts(self, ports: Sequence[str], hosts: Sequence[str]) -> None:
        with self._change("ensure_hosts") as state:
            for id in ports:
                there = state.get(PORTS, id) is not None or state.get(EXTERNAL_PORTS, id) is not None
                if hosts and there:
                    state.put(PORT_HOSTS, id, " ".join(hosts))
                else:
                    state.delete(PORT_HOSTS, id)

    def inventory(self) -> FabricInventory:
        with self._world.call("fabric.inventory") as state:
            return FabricInventory(
                generations={
                    spec: _generations(state, known.memory.table) for spec, known in kinds().items()
                },
                connection_limits={
                    **{key: port.connection_limit for key, port in state.all(PORTS).items()},
                    **{key: port.connection_limit for key, port in state.all(EXTERNAL_PORTS).items()},
                },
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
