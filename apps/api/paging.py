"""Paging by key: the cost of a page does not grow with its distance from the first, and rows that come or go in
between neither repeat nor hide others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from django.core.signing import BadSignature, Signer
from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _
from rest_framework import exceptions
from rest_framework.pagination import BasePagination
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.urls import remove_query_param, replace_query_param

CURSOR, SIZE = "cursor", "page_size"
MOST_DIGITS = 10
LONGEST_CURSOR = 1_000


class CursorPages(BasePagination):
    """`?page_size=` up to 200; `next` and `previous` are links. Newest first.

    A subclass may set `ordering`: columns, "-" before one for descending; rows equal in all are ordered by their key.
    """

    page_size: ClassVar[int] = 50
    max_page_size: ClassVar[int] = 200
    ordering: ClassVar[Sequence[str]] = ("-created_at",)

    def paginate_queryset(  # type: ignore[override]
        self, queryset: QuerySet[Any], request: Request, view: Any = None
    ) -> list[Any]:
        """Return the page's rows. Raises ValidationError for a size or cursor that is none."""
        self._url = request.build_absolute_uri()
        size = self._size(request)
        # What comes back was signed for this very list: nobody makes up a position in it.
        self._signer = Signer(salt=f"{CURSOR}:{queryset.model._meta.label}:{','.join(self.ordering)}")
        backwards, position = self._decode(request.query_params.get(CURSOR, ""), queryset)
        columns = [_Column.read(each, backwards=backwards) for each in (*self.ordering, "pk")]
        found = queryset.order_by(*(column.ordering for column in columns))
        if position:
            found = found.filter(_beyond(columns, position))
        rows = list(found[: size + 1])
        more, rows = len(rows) > size, rows[:size]
        if backwards:
            rows.reverse()
        self._next = rows[-1] if rows and (more or backwards) else None
        self._previous = rows[0] if rows and (more if backwards else position) else None
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
                "schema": {"type": "string", "maxLength": LONGEST_CURSOR},
            },
            {"name": SIZE, "in": "query", "required": False, "schema": whole},
        ]

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
        place = [
            backwards,
            *(_plain(getattr(row, name.removeprefix("-"))) for name in (*self.ordering, "pk")),
        ]
        return replace_query_param(
            remove_query_param(self._url, CURSOR), CURSOR, self._signer.sign_object(place)
        )

    def _decode(self, cursor: str, queryset: QuerySet[Any]) -> tuple[bool, list[Any]]:
        if not cursor:
            return False, []
        try:
            if len(cursor) > LONGEST_CURSOR:
                raise BadSignature
            backwards, *position = self._signer.unsign_object(cursor)
        except BadSignature as error:
            message = _("There is no such page: use the links of the page before.")
            raise exceptions.ValidationError({CURSOR: [message]}) from error
        return backwards, position


def _plain(value: Any) -> Any:
    """Return a column's value as JSON has it; times to the microsecond, which Django's own encoder cuts."""
    return (
        value.isoformat() if hasattr(value, "isoformat") else value if isinstance(value, int) else str(value)
    )


@dataclass(frozen=True)
class _Column:
    name: str
    descending: bool

    @classmethod
    def read(cls, ordering: str, *, backwards: bool) -> _Column:
        return cls(ordering.removeprefix("-"), ordering.startswith("-") != backwards)

    @property
    def ordering(self) -> str:
        return f"-{self.name}" if self.descending else self.name

    def condition(self, value: Any, *, equal: bool = False) -> Q:
        lookup = ("lt" if self.descending else "gt") + ("e" if equal else "")
        return Q(**{f"{self.name}__{lookup}": value})


def _beyond(columns: Sequence[_Column], position: Sequence[Any]) -> Q:
    after = Q()
    for column, value in reversed(list(zip(columns, position, strict=True))):
        further = column.condition(value)
        after = further | (Q(**{column.name: value}) & after) if after else further
    # The first condition alone lets PostgreSQL enter the index at the right place.
    return columns[0].condition(position[0], equal=True) & after
