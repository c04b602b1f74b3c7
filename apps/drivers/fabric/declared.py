"""What a driver knows of a kind. Each module of this package declares one or more with `declare`.

A kind is named by the class of its specs: `fabric.ensure(VpcSpec(…))`, `fabric.ensure_absent(VpcSpec, id)`.
The modules import no binding: they work on the records and rows that a driver hands them.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from apps.drivers.specs import FabricSpec

if TYPE_CHECKING:
    from apps.drivers.memory.records import State, Table

S = TypeVar("S", bound=FabricSpec)
Columns = Mapping[str, tuple[str, ...]]
UNLABELLED = frozenset({"Static_MAC_Binding"})
"""Tables of OVN that have no external_ids."""


@dataclass(frozen=True, slots=True)
class InMemory(Generic[S]):
    """In the pretend fabric: the table of its specs, and how one is put there and removed where that is not all."""

    table: Table[S]
    ensure: Callable[[State, S], None] | None = None
    remove: Callable[[State, str], None] | None = None


@dataclass(frozen=True, slots=True)
class InOvn(Generic[S]):
    """In OVN's northbound database: the table of its rows, how one is made and removed.

    columns: what is read and written of each table, for the replica. holds: whether a row has what each must have.
    """

    table: str
    ensure: Callable[[Any, Any, S], None]
    remove: Callable[[Any, str], None]
    columns: Columns
    holds: Callable[[Any, Any], bool] | None = None


@dataclass(frozen=True, slots=True)
class FabricKind(Generic[S]):
    """name: in the backend and in the names of driver calls ("fabric.ensure_vpc")."""

    name: str
    spec: type[S]
    memory: InMemory[S]
    ovn: InOvn[S]


_kinds: dict[type[FabricSpec], FabricKind[Any]] = {}


def declare(kind: FabricKind[Any]) -> None:
    """Make a kind known to every driver. Raises ValueError when its spec or its name has a kind already."""
    if kind.spec in _kinds or any(kind.name == other.name for other in _kinds.values()):
        raise ValueError(f"fabric kind {kind.name} is declared twice")
    _kinds[kind.spec] = kind


def kinds() -> Mapping[type[FabricSpec], FabricKind[Any]]:
    """Return all kinds by the class of their specs."""
    _discover()
    return _kinds


def kind_of(spec: type[FabricSpec]) -> FabricKind[Any]:
    """Return the kind of this class of specs; KeyError when none is declared."""
    return kinds()[spec]


def ovn_columns() -> dict[str, list[str]]:
    """Return the columns of each northbound table that any kind needs."""
    needed: dict[str, dict[str, None]] = {}
    for table, columns in _ovn_columns():
        about = () if table in UNLABELLED else ("external_ids",)
        needed.setdefault(table, {}).update(dict.fromkeys((*columns, *about)))
    return {table: list(columns) for table, columns in needed.items()}


def _ovn_columns() -> Iterator[tuple[str, tuple[str, ...]]]:
    for kind in kinds().values():
        yield from kind.ovn.columns.items()


@cache
def _discover() -> None:
    package = import_module("apps.drivers.fabric")
    for module in pkgutil.iter_modules(package.__path__):
        import_module(f"apps.drivers.fabric.{module.name}")
