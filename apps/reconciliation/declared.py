"""What each app declares of its kinds in its own `reconciled.py`, found as verbs and handlers are.

`declare(Reconciled(…))` has a kind compared with what is there, listed, repaired and removed;
`declare_count(Counted(…))` has a count compared with what exists. Nothing else names a kind.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any
from uuid import UUID

from django.db.models import Model, QuerySet
from django.utils.functional import Promise

from apps.lifecycle.bulk_insert import own_row
from apps.lifecycle.models import Resource
from apps.lifecycle.modules import discover
from apps.lifecycle.verbs import Verb
from apps.reconciliation.models import Finding
from apps.reconciliation.places import InFabric, InPool, OnHosts

Text = str | Promise


@dataclass(frozen=True)
class Preview:
    """What an action will do, in plain sentences, and what is lost for good by it (empty: nothing)."""

    done: Sequence[str]
    lost: Sequence[str] = ()


@dataclass(frozen=True)
class Clean(Preview):
    """What a force clean does besides, and metric → units that it gives back."""

    amounts: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Fact:
    """One thing the row says; `kind` and `key` make it a link."""

    label: Text
    value: object
    kind: str = ""
    key: object = None


def nobody(key: UUID) -> QuerySet[Resource]:
    """Nothing needs it."""
    return Resource.objects.none()


def nothing_besides(resource: Resource) -> Clean:
    """Give back one of the kind."""
    return Clean([], amounts={resource.kind: 1})


@dataclass(frozen=True)
class Reconciled:
    """One kind that is compared with what is there.

    kind, model: whose rows; what has one is no orphan. place: where it is, and how it is looked for. rank: kinds that
    others need are repaired first (0 before 9). safe: (rule, aspect) of what the platform repairs by itself, by a
    resync; an orphan's file by removing it. stale, orphan: the sentence of what is missing, of what has no row.
    no_remake: why what is missing cannot be made again. removed: what the removal of an orphan does.

    A kind that is a part of another resource (a NIC of a VM) has no verbs: actions act on that resource. The others:

    resync, roll_back, force_clean: their verbs.
    resync_says: what a resync will do, of a finding about that kind ("": without a finding).
    resync_args: arguments of the resync of findings, asked for by hand or not; without findings: of the whole.
    users: the resources that need it. cleaned: what a force clean does.
    fetch: what obstacles of verbs and `facts` read of the row, as paths from a resource.
    facts: what the row says.
    """

    kind: str
    model: type[Model]
    place: OnHosts | InFabric | InPool
    stale: str
    orphan: str
    removed: Callable[[Finding], Preview]
    safe: frozenset[tuple[str, str]] = frozenset()
    rank: int = 9
    no_remake: Text = ""

    resync: Verb | None = None
    roll_back: Verb | None = None
    force_clean: Verb | None = None
    resync_says: Callable[[Resource, str], Preview] = lambda resource, part: Preview([])
    resync_args: Callable[[Sequence[Finding], bool], dict[str, Any]] = lambda findings, by_hand: {}
    users: Callable[[UUID], QuerySet[Resource]] = nobody
    cleaned: Callable[[Resource], Clean] = nothing_besides
    fetch: tuple[str, ...] = ()
    facts: Callable[[Resource], Sequence[Fact]] = lambda resource: ()

    def row(self, resource: Resource) -> Resource:
        """Return the row of the kind as far as obstacles of verbs look at one, with what was prefetched."""
        if not self.fetch:
            return resource
        row: Resource = own_row(resource)
        row.open_operation, row.open_operation_read = resource.open_operation, resource.open_operation_read
        return row


@dataclass(frozen=True)
class Counted:
    """A count that is compared with what exists. The kind is what it is of.

    text: the sentence. recount: compares all of them; None where another app does, and says so. repaired: whether it is
    put right at once. no_resync, no_clean: of what is not, what to do instead.
    """

    kind: str
    text: str
    recount: Callable[[], object] | None = None
    repaired: bool = True
    no_resync: Text = ""
    no_clean: Text = ""


_kinds: dict[str, Reconciled] = {}
_counts: dict[str, Counted] = {}


def declare(kind: Reconciled) -> Reconciled:
    """Have a kind compared with what is there; for `reconciled.py` of the app whose kind it is."""
    if kind.kind in _kinds:
        raise ValueError(f"{kind.kind} is declared twice")
    _kinds[kind.kind] = kind
    return kind


def declare_count(counted: Counted) -> Counted:
    """Have a count compared with what exists."""
    if counted.kind in _counts:
        raise ValueError(f"the count of {counted.kind} is declared twice")
    _counts[counted.kind] = counted
    return counted


def kinds() -> Mapping[str, Reconciled]:
    """Return what is compared, by kind: what others need first."""
    _discover()
    return dict(sorted(_kinds.items(), key=lambda item: (item[1].rank, item[0])))


def counts() -> Mapping[str, Counted]:
    """Return what is counted again, by kind."""
    _discover()
    return _counts


def kind_of(name: str) -> Reconciled | None:
    """Return what was declared of a kind."""
    _discover()
    return _kinds.get(name)


def kinds_with_rows() -> list[Reconciled]:
    """Return the kinds that actions act on."""
    return [kind for kind in kinds().values() if kind.force_clean is not None]


@cache
def _discover() -> None:
    discover("reconciled")
