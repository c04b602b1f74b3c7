"""What a list is sorted by: the URL's column, or the list's own order; marked in the head of that column."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from apps.portal.column import Column
    from apps.portal.lists import ListPage


class ListOrder:
    """`sort=name` and `sort=-name` of the URL."""

    def __init__(self, page: ListPage) -> None:
        self.page = page
        self.given = page.request.GET.get("sort", "")

    @cached_property
    def column(self) -> Column | None:
        """The column the URL names; None for the list's own order."""
        name = self.given.removeprefix("-")
        return next((c for c in self.page.area_columns if c.name == name and c.sort), None)

    @property
    def descending(self) -> bool:
        """Whether the URL turns the order round."""
        return self.given.startswith("-")

    @cached_property
    def _marked(self) -> tuple[Column | None, bool]:
        """The column that the rows stand in the order of, and whether it descends."""
        if self.column is not None:
            return self.column, self.descending
        first = self.page.order[0] if self.page.order else ""
        path = first.removeprefix("-")
        return next((c for c in self.page.area_columns if c.sort == path), None), first.startswith("-")

    def direction(self, column: Column) -> str:
        """Return "ascending" or "descending" for the column sorted by, and "" for all others."""
        marked, descending = self._marked
        if marked is not column:
            return ""
        return "descending" if descending else "ascending"

    def link(self, column: Column) -> str:
        """Return the query that sorts by the column, the other way round when the rows stand in its order already."""
        turned = self.direction(column) == "ascending"
        return self.page.with_query(sort=f"-{column.name}" if turned else column.name, page="")
