"""Where the things of a kind are, and how they are looked for there."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import UUID

from apps.drivers.protocols import Hypervisor, Volumes
from apps.drivers.specs import FabricInventory, FabricSpec, PoolKind, PoolSpec
from apps.reconciliation.difference import Difference, Place

if TYPE_CHECKING:
    from apps.infrastructure.reports import Reading


@dataclass(frozen=True)
class OnHosts:
    """It is on the host of its row's `host`, which reports it every few seconds.

    differences: compares the reports of the hosts whose turn it is, in as few statements as possible. is_on: whether it
    runs on a host, which is asked. remove: removes it from a host, by force.
    """

    differences: Callable[[Sequence[Reading], Mapping[UUID, Place]], Iterator[Difference]]
    is_on: Callable[[Hypervisor, str], bool]
    remove: Callable[[Hypervisor, str], None]


@dataclass(frozen=True)
class InFabric:
    """It is in the fabric of its region.

    lacking: ids of those that lack a limit or an always-on rule. rows: SQL of those that may be
    judged, with the columns of `fabric.plain_rows`, which is what serves a kind that is a resource.
    """

    kind: type[FabricSpec]
    lacking: Callable[[FabricInventory], AbstractSet[str]] = lambda seen: frozenset()
    rows: str = ""


@dataclass(frozen=True)
class InPool:
    """It is a file of its storage cluster.

    rows: SQL of those that may be judged: id, name, tenant_id, resource, size_gib, and lost: what is in trouble when
    the file is missing. known: SQL of ids that are no orphans, though they have no row of their own.
    """

    kind: PoolKind
    rows: str
    remove: Callable[[Volumes, str, PoolSpec], None]
    known: str = "SELECT NULL::uuid WHERE false"
