"""`?sort=` of lists: what each list can be ordered by, under the names of its filters.

A filter's column is what is ordered by; of a reference, the name. A kind's API class adds in `sorts` what a filter does
not say (`where` has no column), and takes out with None what its rows have not.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import Expression, F, Q, QuerySet, Subquery

from apps.api.filter_fields import By

#: Path of a column, or an expression; several in a tuple.
SortBy = str | Expression | Subquery
Sorts = Mapping[str, SortBy | tuple[SortBy, ...] | None]


def sortable(entries: Mapping[str, By], sorts: Sorts, *, admin: bool) -> dict[str, tuple[SortBy, ...]]:
    """Return what a list can be ordered by, by name. admin: as for administrators as such."""
    found: dict[str, SortBy | tuple[SortBy, ...] | None] = {
        name: by.expression if by.expression is not None else _shown(by.on)
        for name, by in entries.items()
        if admin or not by.admin
    }
    # What a kind adds to an entry is for those who may use the entry.
    found |= {name: by for name, by in sorts.items() if name in found or name not in entries}
    return {name: by if isinstance(by, tuple) else (by,) for name, by in found.items() if by}


def _shown(path: str) -> str:
    """Return the column people see in place of a reference's key."""
    for key in ("__uid", "_id"):
        if path.endswith(key):
            return f"{path.removesuffix(key)}__name"
    return path


@dataclass(frozen=True)
class Key:
    """One column of an order. Rows without a value come last, whichever the direction."""

    name: str
    descending: bool = False
    nullable: bool = False

    @classmethod
    def read(cls, ordering: str) -> Key:
        """Return the key of "column" or "-column", which is never NULL."""
        return cls(ordering.removeprefix("-"), ordering.startswith("-"))

    def ordering(self, *, backwards: bool) -> Any:
        """Return what to order by."""
        descending = self.descending != backwards
        if not self.nullable:
            return f"-{self.name}" if descending else self.name
        nulls: Any = {"nulls_first": True} if backwards else {"nulls_last": True}
        return F(self.name).desc(**nulls) if descending else F(self.name).asc(**nulls)

    def beyond(self, value: Any, *, backwards: bool) -> Q:
        """Return the condition of rows that come after `value`."""
        if value is None:
            return ~Q(**{f"{self.name}__isnull": True}) if backwards else Q(pk__in=[])
        further = Q(**{f"{self.name}__{'lt' if self.descending != backwards else 'gt'}": value})
        return further | Q(**{f"{self.name}__isnull": True}) if self.nullable and not backwards else further

    def equal(self, value: Any) -> Q:
        """Return the condition of rows with this value."""
        return Q(**{f"{self.name}__isnull": True}) if value is None else Q(**{self.name: value})

    def entered(self, value: Any, *, backwards: bool) -> Q:
        """Return a wider condition by which PostgreSQL enters an index at the right place; none where NULLs are."""
        if self.nullable:
            return Q()
        return Q(**{f"{self.name}__{'lte' if self.descending != backwards else 'gte'}": value})


def sorted_rows(
    rows: QuerySet[Any], by: Sequence[SortBy], *, descending: bool
) -> tuple[QuerySet[Any], list[Key]]:
    """Return the rows with what they are ordered by, and its keys."""
    named = {f"sort_{n}": F(each) if isinstance(each, str) else each for n, each in enumerate(by)}
    return rows.annotate(**named), [Key(name, descending, nullable=True) for name in named]
