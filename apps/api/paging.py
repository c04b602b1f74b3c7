"""Paging by key: the cost of a page does not grow with its distance from the first, and rows that come or go in
between neither repeat nor hide others."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from django.core.signing import BadSignature, Signer
from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _
from rest_framework import exceptions
from rest_framework.pagination import BasePagination
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.urls import remove_query_param, replace_query_param

from apps.api.cursors import Utf8Json, plain
from apps.api.sorting import Key, sorted_rows

CURSOR, SIZE, SORT, TOTAL = "cursor", "page_size", "sort", "total"
MOST_DIGITS = 10
#: A description of 255 characters of four bytes, in base64, with a name and the signature beside it.
LONGEST_CURSOR = 4_000


class CursorPages(BasePagination):
    """`?page_size=` up to 200; `next` and `previous` are links. Newest first, or as `?sort=` says.

    A subclass may set `ordering`: columns, "-" before one for descending; rows equal in all are ordered by their key.
    """

    page_size: ClassVar[int] = 50
    max_page_size: ClassVar[int] = 200
    ordering: ClassVar[Sequence[str]] = ("-created_at",)
    #: A unique column, by which rows are distinguished that are equal in all others. It stands in cursors.
    tie_breaker: ClassVar[str] = "pk"

    def paginate_queryset(  # type: ignore[override]
        self, queryset: QuerySet[Any], request: Request, view: Any = None
    ) -> list[Any]:
        """Return the page's rows. Raises ValidationError for a size, order or cursor that is none."""
        self._url = request.build_absolute_uri()
        size = self._size(request)
        self._total = queryset.count() if self._counts(request) else None
        queryset, self._keys = self._ordered(queryset, request, view)
        # What comes back was signed for this very list: nobody makes up a position in it.
        order = ",".join((*self.ordering, request.query_params.get(SORT, "")))
        self._signer = Signer(salt=f"{CURSOR}:{queryset.model._meta.label}:{order}")
        backwards, position = self._decode(request.query_params.get(CURSOR, ""))
        found = queryset.order_by(*(key.ordering(backwards=backwards) for key in self._keys))
        if position:
            found = found.filter(_beyond(self._keys, position, backwards=backwards))
        rows = list(found[: size + 1])
        more, rows = len(rows) > size, rows[:size]
        if backwards:
            rows.reverse()
        self._next = rows[-1] if rows and (more or backwards) else None
        self._previous = rows[0] if rows and (more if backwards else position) else None
        return rows

    def get_paginated_response(self, data: Any) -> Response:
        """Answer with the rows, the links, and the number of all rows where it is requested."""
        total = {} if self._total is None else {"total": self._total}
        return Response(
            {
                "next": self._link(self._next, backwards=False),
                "previous": self._link(self._previous, backwards=True),
                **total,
                "results": data,
            }
        )

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        """Describe a page."""
        link = {"type": "string", "format": "uri", "nullable": True}
        return {
            "type": "object",
            "required": ["next", "previous", "results"],
            "properties": {
                "next": link,
                "previous": link,
                "total": {"type": "integer", "description": "All rows of the list; only with `total=1`."},
                "results": schema,
            },
        }

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        """Describe the parameters."""
        whole = {"type": "integer", "minimum": 1, "maximum": self.max_page_size, "default": self.page_size}
        return [
            {
                "name": CURSOR,
                "in": "query",
                "required": False,
                "description": "From a `next` or `previous` link.",
                "schema": {"type": "string", "maxLength": LONGEST_CURSOR},
            },
            {"name": SIZE, "in": "query", "required": False, "schema": whole},
            *self._sort_parameter(view),
            {
                "name": TOTAL,
                "in": "query",
                "required": False,
                "description": "1: answer with the number of all rows too. Counting reads every row that matches: some "
                "20 ms for 25,000, and again for each page that asks for it. Ask once, not on every page.",
                "schema": {"type": "string", "enum": ["0", "1"], "default": "0"},
            },
        ]

    def _sort_parameter(self, view: Any) -> list[dict[str, Any]]:
        names = sorted(view.sortable(admin=True))
        if not names:
            return []
        return [
            {
                "name": SORT,
                "in": "query",
                "required": False,
                "description": "Column to order by, with - before it for descending. Rows without a value come last. "
                "Without it: the list's own order.",
                "schema": {"type": "string", "enum": [each for name in names for each in (name, f"-{name}")]},
            }
        ]

    def _ordered(self, rows: QuerySet[Any], request: Request, view: Any) -> tuple[QuerySet[Any], list[Key]]:
        """Return the rows and the keys of their order. Raises ValidationError for a column there is none of."""
        keys = [Key.read(each) for each in (*self.ordering, self.tie_breaker)]
        given = request.query_params.get(SORT, "")
        if not given:
            return rows, keys
        columns = view.sortable(admin=view.rights.everywhere)
        by = columns.get(given.removeprefix("-"))
        if by is None:
            message = _("One of: %(names)s. Add the prefix - for descending order.")
            raise exceptions.ValidationError({SORT: [message % {"names": ", ".join(sorted(columns))}]})
        rows, sorting = sorted_rows(rows, by, descending=given.startswith("-"))
        return rows, [*sorting, keys[-1]]

    def _counts(self, request: Request) -> bool:
        given = request.query_params.get(TOTAL, "")
        if given not in {"", "0", "1"}:
            raise exceptions.ValidationError({TOTAL: [_("1 or 0.")]})
        return given == "1"

    def _size(self, request: Request) -> int:
        given = request.query_params.get(SIZE, "")
        if not given:
            return self.page_size
        # Longer numbers are none of these, and int() refuses very long ones.
        size = int(given) if given.isascii() and given.isdecimal() and len(given) < MOST_DIGITS else 0
        if not 1 <= size <= self.max_page_size:
            raise exceptions.ValidationError({SIZE: [_("From 1 to %(n)s.") % {"n": self.max_page_size}]})
        return size

    def _link(self, row: Any, *, backwards: bool) -> str | None:
        if row is None:
            return None
        place = [backwards, *(plain(getattr(row, key.name)) for key in self._keys)]
        return replace_query_param(
            remove_query_param(self._url, CURSOR),
            CURSOR,
            self._signer.sign_object(place, serializer=Utf8Json),
        )

    def _decode(self, cursor: str) -> tuple[bool, list[Any]]:
        if not cursor:
            return False, []
        try:
            if len(cursor) > LONGEST_CURSOR:
                raise BadSignature
            backwards, *position = self._signer.unsign_object(cursor, serializer=Utf8Json)
        except BadSignature as error:
            message = _("Page not found. Use the links of the previous page.")
            raise exceptions.ValidationError({CURSOR: [message]}) from error
        return backwards, position


def _beyond(keys: Sequence[Key], position: Sequence[Any], *, backwards: bool) -> Q:
    after: Q | None = None
    for key, value in reversed(list(zip(keys, position, strict=True))):
        further = key.beyond(value, backwards=backwards)
        after = further if after is None else further | (key.equal(value) & after)
    assert after is not None, "there is at least the primary key"
    return keys[0].entered(position[0], backwards=backwards) & after
