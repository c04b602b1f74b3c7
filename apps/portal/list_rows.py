"""The rows of a list page: which there are, in what order, and those that are fetched again while the page is open."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db.models import QuerySet

from apps.api.bulk import is_key

if TYPE_CHECKING:
    from apps.portal.lists import ListPage

#: Most rows one live request may ask for.
MOST_LIVE = 200


class ListRows:
    """What the URL of a list page asks for."""

    def __init__(self, page: ListPage) -> None:
        self.page = page

    def matching(self) -> QuerySet[Any]:
        """Return every row that the URL's filters let through, in the list's order."""
        return self._sorted(self._filtered(self._all()))

    def slice(self, found: QuerySet[Any], start: int, end: int) -> list[Any]:
        """Return rows by their place; where thousands are sorted or passed over, first the keys alone."""
        if self.page.order_by.column is None and not start:
            return list(found[start:end])
        keys = list(found.values_list("pk", flat=True)[start:end])
        rows = {row.pk: row for row in self._all().filter(pk__in=keys)}
        return [rows[key] for key in keys if key in rows]

    def live(self) -> list[Any]:
        """Return rows shown already, whatever they are now; and rows that are new, if they belong in this list."""
        key, shown, new = f"{self.page.of.key}__in", self._ids("rows"), self._ids("new")
        rows = list(self._all().filter(**{key: shown})) if shown else []
        if new:
            rows += self._sorted(self._filtered(self._all().filter(**{key: new})))
        return rows

    def _ids(self, name: str) -> list[str]:
        given = self.page.request.GET.get(name, "").split(",")[:MOST_LIVE]
        return [text for text in given if is_key(self.page.of.converter, text)]

    def _all(self) -> QuerySet[Any]:
        page = self.page
        rows = page.all_rows()
        for column in page.area_columns:
            if column.prepare is not None and (
                column in page.shown_columns or page.order_by.column is column
            ):
                rows = column.prepare(rows)
        return rows.select_related(*page.related) if page.related else rows

    def _filtered(self, rows: QuerySet[Any]) -> QuerySet[Any]:
        return self.page.filter(self.page.request.GET, queryset=rows, request=self.page.request).qs

    def _sorted(self, rows: QuerySet[Any]) -> QuerySet[Any]:
        order = self.page.order_by
        if order.column is None:
            return rows.order_by(*self.page.order)
        return rows.order_by(*order.column.order(rows.model, descending=order.descending), "pk")
