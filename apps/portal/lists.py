"""Lists: paging, sorting, filtering and search on the server, all of it in the URL; rows kept live by pushes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django_filters import FilterSet

from apps.api.filters import ResourceFilter
from apps.portal.column import Column
from apps.portal.columns import CREATED, NAME, PROJECT, REGION, STATE, TENANT
from apps.portal.controls import Controls, query_of
from apps.portal.exports import csv_of
from apps.portal.facets import Facet, project_facet, region_facet, status_facet, tenant_facet
from apps.portal.kinds import PageKind, Text
from apps.portal.list_columns import ListColumns
from apps.portal.list_order import ListOrder
from apps.portal.list_pages import Pages, counted, page_number
from apps.portal.list_row import row_of
from apps.portal.list_rows import ListRows
from apps.portal.models import PAGE_SIZES, ListSetting
from apps.portal.page import Page
from apps.portal.saved_views import setting_of
from apps.portal.view_tabs import ListView, ViewTabs

PAGE_SIZE = 50
#: Names in a list's URL that narrow nothing.
NO_FILTERS = frozenset({"sort", "page", "view", "add", "not", "rows", "new", "format"})


@dataclass(frozen=True)
class Empty:
    """What an empty list says: what this is for, and what to do first."""

    title: Text
    text: Text = ""


class ListPage(Page):
    """Subclass with `of`, `columns`, and where wanted `filter`, `facets`, `more_filters`, `views` and `empty`."""

    template_name = "portal/list.html"
    of: ClassVar[PageKind]
    columns: ClassVar[Sequence[Column]] = (NAME, STATE, TENANT, PROJECT, REGION, CREATED)
    filter: ClassVar[type[FilterSet]] = ResourceFilter
    facets: ClassVar[Sequence[Facet]] = (status_facet, tenant_facet, project_facet, region_facet)
    #: Filters that can be added beside those of the columns.
    more_filters: ClassVar[Sequence[str]] = ()
    #: Views everybody has.
    views: ClassVar[Sequence[ListView]] = ()
    #: Other kinds whose changes show in these rows: a subnet's free addresses change with VMs.
    watch: ClassVar[Sequence[str]] = ()
    #: Actions that stand on the row as buttons, each in a place of its own; all are in the row's menu too.
    row_actions: ClassVar[Sequence[str]] = ()
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
            rows = [row_of(self, row) for row in self._rows.live()]
            return self.show({"rows": rows}, "portal/list_rows.html")
        if "control" in request.GET:
            control = self.controls.one(request.GET["control"], asked=True)
            return self.show({"control": control}, "portal/list_control.html")
        if request.GET.get("format") == "csv":
            return csv_of(self, self.matching())
        default = "" if request.GET else self.view_tabs.default_link
        if default:
            return HttpResponseRedirect(request.path + default)
        return self._page()

    def _page(self) -> HttpResponse:
        # One row more than is shown tells whether there is a next page.
        found, size = self.matching(), self.page_size
        start = (self.number - 1) * size
        some = self._rows.slice(found, start, start + size + 1)
        context = {
            "title": self.of.many,
            "rows": [row_of(self, row) for row in some[:size]],
            "pages": Pages(self.number, size, min(len(some), size), counted(found, start, len(some), size)),
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
    def table(self) -> ListColumns:
        """The columns."""
        return ListColumns(self)

    @property
    def area_columns(self) -> list[Column]:
        """The columns there are in this area."""
        return self.table.of_area

    @property
    def shown_columns(self) -> list[Column]:
        """The columns shown, in their order."""
        return self.table.shown

    @cached_property
    def controls(self) -> Controls:
        """What stands above the list, and the chips."""
        return Controls(self)

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
        return page_number(self.request.GET.get("page", "1"))

    @cached_property
    def order_by(self) -> ListOrder:
        """What the rows are sorted by."""
        return ListOrder(self)

    @property
    def sort(self) -> str:
        """The column sorted by, with "-" when descending; "" for the list's own order."""
        return self.order_by.given

    def with_query(self, **changes: object) -> str:
        """Return the present URL's query with changes; a value of "" leaves a name out."""
        given = self.request.GET.copy()
        given.pop("add", None)
        for name, value in changes.items():
            given[name] = str(value)
        return "?" + query_of(given)

    @property
    def kept_in_form(self) -> list[tuple[str, str]]:
        """What a form that asks for another page sends along: the URL's filters, order and view."""
        given = self.request.GET
        return [(n, v) for n in given if n not in {"page", "add"} for v in given.getlist(n) if v]

    @property
    def unfiltered(self) -> str:
        """The query of the whole list, in the present order."""
        kept = f"&sort={self.sort}" if self.sort else ""
        return f"{self.view_tabs.everything}{kept}"

    @property
    def takes_new_rows(self) -> bool:
        """Whether rows that appear belong at the top of what is shown."""
        return self.number == 1 and not self.sort

    @cached_property
    def bulk_url(self) -> str:
        """Where actions on many rows are requested; "" when the kind has none."""
        return self.of.url(self.area, "bulk") if self.of.for_many else ""

    # -- rows ----------------------------------------------------------------------------------------------------------

    def all_rows(self) -> QuerySet[Any]:
        """Return every row that the reader may see in this list."""
        return self.of.rows(self.actor)

    def matching(self) -> QuerySet[Any]:
        """Return every row that the URL's filters let through, in the list's order."""
        return self._rows.matching()

    @cached_property
    def _rows(self) -> ListRows:
        return ListRows(self)

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
