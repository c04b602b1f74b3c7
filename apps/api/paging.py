"""Paging by key: the cost of a page does not grow with its distance from the first, and rows that come or go in
between neither repeat nor hide others."""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as NotBase64
from collections.abc import Sequence
from typing import Any, ClassVar

from django.core.exceptions import ValidationError
from django.core.serializers.json import DjangoJSONEncoder
from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _
from rest_framework.exceptions import NotFound
from rest_framework.pagination import BasePagination
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.urls import remove_query_param, replace_query_param

CURSOR, SIZE = "cursor", "page_size"


class CursorPages(BasePagination):
    """`?page_size=` up to 200; `next` and `previous` are links. Newest first.

    A subclass may set `ordering`: one column, "-" before it for descending; rows equal in it are ordered by their key.
    """

    page_size: ClassVar[int] = 50
    max_page_size: ClassVar[int] = 200
    ordering: ClassVar[Sequence[str]] = ("-created_at",)

    def paginate_queryset(  # type: ignore[override]
        self, queryset: QuerySet[Any], request: Request, view: Any = None
    ) -> list[Any]:
        """Return the page's rows; NotFound for a cursor that is none."""
        self._url = request.build_absolute_uri()
        size = self._size(request)
        backwards, position = self._decode(request.query_params.get(CURSOR, ""), queryset)
        column = self._column
        descending = self.ordering[0].startswith("-") != backwards
        found = queryset.order_by(f"-{column}" if descending else column, "-pk" if backwards else "pk")
        if position is not None:
            found = found.filter(_beyond(column, position, descending=descending, backwards=backwards))
        rows = list(found[: size + 1])
        more, rows = len(rows) > size, rows[:size]
        if backwards:
            rows.reverse()
        self._next = rows[-1] if rows and (more or backwards) else None
        self._previous = rows[0] if rows and (more if backwards else position is not None) else None
        return rows

    def get_paginated_response(self, data: Any) -> Response:
        """Answer with the rows and the links."""
        return Response(
            {
                "next": self._link(self._next, backwards=False),
                "previous": self._link(self._previous, backwards=True),
                "results": data,
            }
        )

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        """Describe a page."""
        link = {"type": "string", "format": "uri", "nullable": True}
        return {
            "type": "object",
            "required": ["next", "previous", "results"],
            "properties": {"next": link, "previous": link, "results": schema},
        }

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        """Describe the two parameters."""
        whole = {"type": "integer", "minimum": 1, "maximum": self.max_page_size, "default": self.page_size}
        return [
            {
                "name": CURSOR,
                "in": "query",
                "required": False,
                "description": "From a `next` or `previous` link.",
                "schema": {"type": "string"},
            },
            {"name": SIZE, "in": "query", "required": False, "schema": whole},
        ]

    @property
    def _column(self) -> str:
        return self.ordering[0].removeprefix("-")

    def _size(self, request: Request) -> int:
        given = request.query_params.get(SIZE, "")
        return min(int(given), self.max_page_size) if given.isdecimal() and int(given) else self.page_size

    def _link(self, row: Any, *, backwards: bool) -> str | None:
        if row is None:
            return None
        place = [backwards, getattr(row, self._column), row.pk]
        cursor = urlsafe_b64encode(json.dumps(place, cls=_Exactly).encode()).decode()
        return replace_query_param(remove_query_param(self._url, CURSOR), CURSOR, cursor)

    def _decode(self, cursor: str, queryset: QuerySet[Any]) -> tuple[bool, tuple[Any, Any] | None]:
        if not cursor:
            return False, None
        try:
            backwards, value, key = json.loads(urlsafe_b64decode(cursor))
            column = queryset.model._meta.get_field(self._column)
            return bool(backwards), (column.to_python(value), queryset.model._meta.pk.to_python(key))
        except (NotBase64, ValueError, TypeError, ValidationError) as error:
            raise NotFound(_("There is no such page.")) from error


class _Exactly(DjangoJSONEncoder):
    """Times to the microsecond: Django's own encoder cuts them to milliseconds."""

    def default(self, o: Any) -> Any:
        return o.isoformat() if hasattr(o, "isoformat") else super().default(o)


def _beyond(column: str, position: tuple[Any, Any], *, descending: bool, backwards: bool) -> Q:
    value, key = position
    past, at_most = ("lt", "lte") if descending else ("gt", "gte")
    after_key = Q(pk__lt=key) if backwards else Q(pk__gt=key)
    # The first condition alone lets PostgreSQL enter the index at the right place.
    return Q(**{f"{column}__{at_most}": value}) & (Q(**{f"{column}__{past}": value}) | after_key)
