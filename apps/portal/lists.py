"""Lists: paging, sorting, filtering and search on the server, all of it in the URL; rows kept live by pushes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django_filters import FilterSet

from apps.api.bulk import is_key
from apps.api.filters import ResourceFilter
from apps.portal.columns import CREATED, NAME, PROJECT, REGION, STATE, TENANT, Column
from apps.portal.controls import Controls, query_of
from apps.portal.exports import csv_of
from apps.portal.facets import Facet, project_facet, region_facet, state_facet, tenant_facet
from apps.portal.kinds import PageKind, Text
from apps.portal.models import PAGE_SIZES, ListSetting
from apps.portal.page import Page
from apps.portal.saved_views import setting_of
from apps.portal.slots import columns_of
from apps.portal.view_tabs import ListView, ViewTabs

PAGE_SIZE = 50
#: Rows are counted up to here: counting all 25,000 would cost more than showing 50 of them.
COUNTED = 1000
#: Most rows one live request may ask for.
MOST_LIVE = 200
#: The last page that can be asked for; a number with more digits is none.
MOST_PAGES, MOST_DIGITS = 100_000, 20
#: Names in a list's URL that narrow nothing.
NO_FILTERS = frozenset({"sort", "page", "view", "add", "not", "rows", "new", "format"})


@dataclass(frozen=True)
class Empty:
    """What an empty list says: what this is for, and what to do first."""

    title: Text
    text: Text = ""


@dataclass(frozen=True)
class Row:
    """stale: what it shows was seen a while ago, see `PageKind.as_of`. brief: what a phone shows below the name."""

    key: str
    cells: Sequence[tuple[Column, SafeString]]
    menu: str
    name: str = ""
    stale: bool = False
    brief: str = ""

    @property
    def drawn(self) -> SafeString:
        """Return the cells as HTML: a template would take as long for them as for the rest of the page."""
        below = format_html('<div class="row-brief">{}</div>', self.brief) if self.brief else ""
        cells = [f'<td class="{column.css}">{cell}' for column, cell in self.cells]
        return SafeString("</td>".join([cells[0] + below, *cells[1:], ""]))


class ListPage(Page):
    """Subclass with `of`, `columns`, and where wanted `filter`, `facets`, `more_filters`, `views` and `empty`."""

    template_name = "portal/list.html"
    of: ClassVar[PageKind]
    columns: ClassVar[Sequence[Column]] = (NAME, STATE, TENANT, PROJECT, REGION, CREATED)
    filter: ClassVar[type[FilterSet]] = ResourceFilter
    facets: ClassVar[Sequence[Facet]] = (state_facet, tenant_facet, project_facet, region_facet)
    #: Filters that can be added beside those of the columns.
    more_filters: ClassVar[Sequence[str]] = ()
    #: Views everybody has.
    views: ClassVar[Sequence[ListView]] = ()
    #: Other kinds whose changes show in these rows: a subnet's free addresses change with VMs.
    watch: ClassVar[Sequence[str]] = ()
    related: ClassVar[Sequence[str]] = ("tenant", "project", "region")
    order: ClassVar[Sequence[str]] = ("-created_at", "pk")
    empty: ClassVar[Empty] = Empty("")
    has_detail: ClassVar[bool] = True
    searchable: ClassVar[bool] = True
    #: Whether its rows are found by the search box of the top bar.
    in_search: ClassVar[bool] = True
    search_hint: ClassVar[Text] = ""

    def get(self, request: HttpRequest) -> HttpResponseBase:
        """The page; its table alone for htmx; one control (`?control=`); single rows for the live module
        (`?rows=…&new=…`); everything that matches as a file (`?format=csv`)."""
        if "rows" in request.GET or "new" in request.GET:
            return self.show({"rows": self._live_rows()}, "portal/list_rows.html")
        if "control" in request.GET:
            control = self._controls.one(request.GET["control"], asked=True)
            return self.show({"control": control}, "portal/list_control.html")
        if request.GET.get("format") == "csv":
            return csv_of(self, self._sorted(self._filtered(self._all())))
        default = "" if request.GET else self.view_tabs.default_link
        if default:
            return HttpResponseRedirect(request.path + default)
        return self._page()

    def _page(self) -> HttpResponse:
        # One row more than is shown tells whether there is a next page.
        found = self._sorted(self._filtered(self._all()))
        size = self.page_size
        start = (self.number - 1) * size
        some = self._slice(found, start, start + size + 1)
        context = {
            "title": self.of.many,
            "rows": [self._row(row) for row in some[:size]],
            "more": len(some) > size,
            "first": start + 1,
            "last": start + min(len(some), size),
            "total": self._total(found, start, len(some)),
            "create": self._create(),
            "partial": self._only_table(),
        }
        return self.show(context, "portal/list_table.html" if self._only_table() else "")

    # -- for templates -------------------------------------------------------------------------------------------------

    @property
    def title_text(self) -> Text:
        """The page's heading."""
        return self.title or self.of.many

    @property
    def list_key(self) -> str:
        """What settings and views of this list are kept under."""
        return f"{self.area}.{self.of.kind}"

    @cached_property
    def setting(self) -> ListSetting:
        """How the reader has the list shown."""
        return setting_of(self.actor, self.list_key)

    @cached_property
    def view_tabs(self) -> ViewTabs:
        """The views, and the one in use."""
        return ViewTabs(self)

    @cached_property
    def area_columns(self) -> list[Column]:
        """The columns there are in this area."""
        return [c for c in columns_of(self.of.kind, self.columns) if self.admin or not c.admin]

    @cached_property
    def shown_columns(self) -> list[Column]:
        """The columns the view names, or the reader has chosen, or the list's own."""
        chosen = self.view_tabs.columns or self.setting.columns
        by_name = {column.name: column for column in self.area_columns}
        picked = [by_name[name] for name in chosen if name in by_name]
        return picked or [column for column in self.area_columns if not column.hidden]

    @property
    def other_columns(self) -> list[Column]:
        """The columns that are not shown."""
        return [column for column in self.area_columns if column not in self.shown_columns]

    @cached_property
    def _controls(self) -> Controls:
        return Controls(self)

    @property
    def controls(self) -> Controls:
        """What stands above the list, and the chips."""
        return self._controls

    @property
    def page_sizes(self) -> Sequence[int]:
        """What the reader can choose from."""
        return PAGE_SIZES

    @property
    def page_size(self) -> int:
        """How many rows a page has."""
        return self.setting.page_size or PAGE_SIZE

    @property
    def query(self) -> str:
        """What stands in the search box."""
        return self.request.GET.get("q", "")

    @property
    def is_filtered(self) -> bool:
        """Whether anything narrows the list."""
        return any(value for name, value in self.request.GET.items() if name not in NO_FILTERS)

    @property
    def number(self) -> int:
        """Which page is shown, from 1."""
        given = self.request.GET.get("page", "1")
        return max(1, min(int(given), MOST_PAGES)) if given.isdecimal() and len(given) < MOST_DIGITS else 1

    @property
    def sort(self) -> str:
        """The column sorted by, with "-" when descending; "" for the list's own order."""
        return self.request.GET.get("sort", "")

    def with_query(self, **changes: object) -> str:
        """Return the present URL's query with changes; a value of "" leaves a name out."""
        given = self.request.GET.copy()
        given.pop("add", None)
        for name, value in changes.items():
            given[name] = str(value)
        return "?" + query_of(given)

    @property
    def unfiltered(self) -> str:
        """The query of the whole list, in the present order."""
        kept = f"&sort={self.sort}" if self.sort else ""
        return f"{self.view_tabs.everything}{kept}"

    def sort_link(self, column: Column) -> str:
        """Return the query that sorts by the column, the other way round when it does already."""
        other = f"-{column.name}" if self.sort == column.name else column.name
        return self.with_query(sort=other, page="")

    @property
    def takes_new_rows(self) -> bool:
        """Whether rows that appear belong at the top of what is shown."""
        return self.number == 1 and not self.sort

    @cached_property
    def bulk_url(self) -> str:
        """Where actions on many rows are asked for; "" when the kind has none."""
        return self.of.url(self.area, "bulk") if self.of.for_many else ""

    # -- rows ----------------------------------------------------------------------------------------------------------

    def matching(self) -> QuerySet[Any]:
        """Return every row that the URL's filters let through, in the list's order."""
        return self._sorted(self._filtered(self._all()))

    def _all(self) -> QuerySet[Any]:
        rows = self.of.rows(self.actor)
        for column in self.area_columns:
            if column.prepare is not None and (column in self.shown_columns or self._sorted_by is column):
                rows = column.prepare(rows)
        return rows.select_related(*self.related) if self.related else rows

    def _filtered(self, rows: QuerySet[Any]) -> QuerySet[Any]:
        return self.filter(self.request.GET, queryset=rows, request=self.request).qs

    @cached_property
    def _sorted_by(self) -> Column | None:
        name = self.sort.removeprefix("-")
        return next((c for c in self.area_columns if c.name == name and c.sort), None)

    def _sorted(self, rows: QuerySet[Any]) -> QuerySet[Any]:
        if self._sorted_by is None:
            return rows.order_by(*self.order)
        descending = self.sort.startswith("-")
        return rows.order_by(*self._sorted_by.order(rows.model, descending=descending), "pk")

    def _slice(self, found: QuerySet[Any], start: int, end: int) -> list[Any]:
        """Return rows by their place; where thousands are sorted or passed over, first the keys alone."""
        if self._sorted_by is None and not start:
            return list(found[start:end])
        keys = list(found.values_list("pk", flat=True)[start:end])
        rows = {row.pk: row for row in self._all().filter(pk__in=keys)}
        return [rows[key] for key in keys if key in rows]

    def _total(self, found: QuerySet[Any], start: int, got: int) -> str:
        if got <= self.page_size and (got or not start):
            return f"{start + got:,}"
        counted = found.order_by()[: COUNTED + 1].values("pk").count()
        return f"{counted:,}" if counted <= COUNTED else _("more than %(n)s") % {"n": f"{COUNTED:,}"}

    def _live_rows(self) -> list[Row]:
        """Rows shown already, whatever they are now; and rows that are new, if they belong in this list."""
        shown, new = self._ids("rows"), self._ids("new")
        rows = list(self._all().filter(**{f"{self.of.key}__in": shown})) if shown else []
        if new:
            rows += self._sorted(self._filtered(self._all().filter(**{f"{self.of.key}__in": new})))
        return [self._row(row) for row in rows]

    def _ids(self, name: str) -> list[str]:
        given = self.request.GET.get(name, "").split(",")[:MOST_LIVE]
        return [text for text in given if is_key(self.of.converter, text)]

    def _row(self, row: Any) -> Row:
        cells = [(column, column.draw(row, self)) for column in self.shown_columns]
        menu = self.of.url(self.area, "menu", row) if self.of.all_actions else ""
        brief = [str(column.export(row, self) or "") for column in self.shown_columns if column.brief]
        return Row(
            key=str(self.of.key_of(row)),
            cells=cells,
            menu=menu,
            name=str(row),
            stale=self.of.as_of(row) is not None,
            brief=" · ".join(text for text in brief if text),
        )

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
            "reason": "" if allowed else self.rights.why_not(verb),
        }
