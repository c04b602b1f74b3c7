"""Lists: paging, sorting, filtering and search on the server, all of it in the URL; rows kept live by pushes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar
from urllib.parse import urlencode
from uuid import UUID

from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django_filters import FilterSet

from apps.api.filters import ResourceFilter
from apps.portal.columns import CREATED, NAME, PROJECT, REGION, STATE, TENANT, Column
from apps.portal.facets import Facet, project_facet, region_facet, state_facet, tenant_facet
from apps.portal.kinds import PageKind, Text
from apps.portal.page import Page

PAGE_SIZE = 50
#: Rows are counted up to here: counting all 25,000 would cost more than showing 50 of them.
COUNTED = 1000
#: Most rows one live request may ask for.
MOST_LIVE = 200


@dataclass(frozen=True)
class Empty:
    """What an empty list says: what this is for, and what to do first."""

    title: Text
    text: Text = ""


@dataclass(frozen=True)
class Row:
    key: str
    cells: Sequence[tuple[Column, SafeString]]
    menu: str


class ListPage(Page):
    """Subclass with `of`, `columns`, and where wanted `filter`, `facets` and `empty`."""

    template_name = "portal/list.html"
    of: ClassVar[PageKind]
    columns: ClassVar[Sequence[Column]] = (NAME, STATE, TENANT, PROJECT, REGION, CREATED)
    filter: ClassVar[type[FilterSet]] = ResourceFilter
    facets: ClassVar[Sequence[Facet]] = (state_facet, tenant_facet, project_facet, region_facet)
    related: ClassVar[Sequence[str]] = ("tenant", "project", "region")
    order: ClassVar[Sequence[str]] = ("-created_at", "pk")
    empty: ClassVar[Empty] = Empty("")
    has_detail: ClassVar[bool] = True
    searchable: ClassVar[bool] = True

    def get(self, request: HttpRequest) -> HttpResponse:
        """The page; its table alone for htmx; single rows for the live module (`?rows=…&new=…`)."""
        if "rows" in request.GET or "new" in request.GET:
            return self.show({"rows": self._live_rows()}, "portal/list_rows.html")
        # One row more than is shown tells whether there is a next page.
        found = self._sorted(self._filtered(self._all()))
        start = (self.number - 1) * PAGE_SIZE
        some = list(found[start : start + PAGE_SIZE + 1])
        context = {
            "title": self.of.many,
            "rows": [self._row(row) for row in some[:PAGE_SIZE]],
            "more": len(some) > PAGE_SIZE,
            "first": start + 1,
            "last": start + min(len(some), PAGE_SIZE),
            "total": self._total(found, start, len(some)),
            "create": self._create(),
        }
        return self.show(context, "portal/list_table.html" if self._only_table() else "")

    # -- for templates -------------------------------------------------------------------------------------------------

    @property
    def title_text(self) -> Text:
        """The page's heading."""
        return self.title or self.of.many

    @cached_property
    def shown_columns(self) -> list[Column]:
        """The columns of this area."""
        return [column for column in self.columns if self.admin or not column.admin]

    @cached_property
    def shown_facets(self) -> list[dict[str, Any]]:
        """Filters with their choices and what is chosen."""
        drawn = [facet(self) for facet in self.facets]
        return [facet for facet in drawn if facet is not None]

    @property
    def query(self) -> str:
        """What stands in the search box."""
        return self.request.GET.get("q", "")

    @property
    def is_filtered(self) -> bool:
        """Whether anything narrows the list."""
        return any(value for name, value in self.request.GET.items() if name not in {"sort", "page"})

    @property
    def number(self) -> int:
        """Which page is shown, from 1."""
        given = self.request.GET.get("page", "1")
        return min(int(given), 100_000) if given.isdecimal() and int(given) else 1

    @property
    def sort(self) -> str:
        """The column sorted by, with "-" when descending; "" for the list's own order."""
        return self.request.GET.get("sort", "")

    def with_query(self, **changes: object) -> str:
        """Return the present URL's query with changes; a value of "" leaves a name out."""
        given = {name: self.request.GET.getlist(name) for name in self.request.GET}
        given |= {name: [str(value)] for name, value in changes.items()}
        kept = [(name, value) for name, values in given.items() for value in values if value]
        return "?" + urlencode(kept)

    def sort_link(self, column: Column) -> str:
        """Return the query that sorts by the column, the other way round when it does already."""
        other = f"-{column.name}" if self.sort == column.name else column.name
        return self.with_query(sort=other, page="")

    @property
    def takes_new_rows(self) -> bool:
        """Whether rows that appear belong at the top of what is shown."""
        return self.number == 1 and not self.sort

    # -- rows ----------------------------------------------------------------------------------------------------------

    def _all(self) -> QuerySet[Any]:
        rows = self.of.rows(self.actor)
        return rows.select_related(*self.related) if self.related else rows

    def _filtered(self, rows: QuerySet[Any]) -> QuerySet[Any]:
        return self.filter(self.request.GET, queryset=rows, request=self.request).qs

    def _sorted(self, rows: QuerySet[Any]) -> QuerySet[Any]:
        name = self.sort.removeprefix("-")
        column = next((c for c in self.shown_columns if c.name == name and c.sort), None)
        if column is None:
            return rows.order_by(*self.order)
        return rows.order_by(f"-{column.sort}" if self.sort.startswith("-") else column.sort, "pk")

    def _total(self, found: QuerySet[Any], start: int, got: int) -> str:
        if got <= PAGE_SIZE and (got or not start):
            return str(start + got)
        counted = found.order_by()[: COUNTED + 1].values("pk").count()
        return str(counted) if counted <= COUNTED else _("more than %(n)s") % {"n": f"{COUNTED:,}"}

    def _live_rows(self) -> list[Row]:
        """Rows shown already, whatever they are now; and rows that are new, if they belong in this list."""
        shown, new = self._ids("rows"), self._ids("new")
        rows = list(self._all().filter(**{f"{self.of.key}__in": shown})) if shown else []
        if new:
            rows += self._sorted(self._filtered(self._all().filter(**{f"{self.of.key}__in": new})))
        return [self._row(row) for row in rows]

    def _ids(self, name: str) -> list[str]:
        given = self.request.GET.get(name, "").split(",")[:MOST_LIVE]
        return [text for text in given if text and self._is_key(text)]

    def _is_key(self, text: str) -> bool:
        if self.of.converter != "uuid":
            return True
        try:
            UUID(text)
        except ValueError:
            return False
        return True

    def _row(self, row: Any) -> Row:
        cells = [(column, column.draw(row, self)) for column in self.shown_columns]
        menu = self.of.url(self.area, "menu", row) if self.of.actions else ""
        return Row(str(self.of.key_of(row)), cells, menu)

    def _only_table(self) -> bool:
        return self.request.headers.get("HX-Target") == "list"

    def _create(self) -> dict[str, Any] | None:
        verb, url = self.of.create, self.of.create_url(self.area)
        if verb is None or not url:
            return None
        allowed = self.rights.may_somewhere(verb)
        return {
            "label": verb.label,
            "url": url,
            "reason": "" if allowed else _("Your role does not allow this."),
        }
