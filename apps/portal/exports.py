"""A list as a CSV file: everything that matches the filters, in the columns shown, written as the rows come."""

from __future__ import annotations

import csv
from collections.abc import AsyncIterator, Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Any

from asgiref.sync import sync_to_async
from django.core.handlers.asgi import ASGIRequest
from django.db.models import QuerySet
from django.http import StreamingHttpResponse
from django.utils import timezone, translation
from django.utils.text import slugify

from apps.lifecycle.reader import read_by

if TYPE_CHECKING:
    from apps.portal.lists import ListPage

#: Rows held in memory at once, and fetched with one query for each relation.
CHUNK = 500
#: A spreadsheet takes a cell that begins so for a formula (OWASP, "CSV Injection").
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
#: Tells Excel that the text is UTF-8.
BYTE_ORDER_MARK = "\ufeff"


class _Line:
    """What csv writes to: keeps one line."""

    text = ""

    def write(self, text: str) -> int:
        """Take a line."""
        self.text = text
        return len(text)


def csv_of(page: ListPage, rows: QuerySet[Any]) -> StreamingHttpResponse:
    """Return the rows as a file; memory does not grow with their number."""
    lines = _lines(page, rows)
    content = _piecewise(lines) if isinstance(page.request, ASGIRequest) else lines
    name = f"{slugify(page.of.plural)}-{timezone.localtime():%Y-%m-%d-%H%M}.csv"
    return StreamingHttpResponse(
        content,
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"},
    )


def cell(value: object) -> object:
    """Return a value as it stands in the file: numbers as they are, times in ISO 8601, text without formulas."""
    if value is None:
        return ""
    if isinstance(value, bool) or not isinstance(value, int | float | datetime):
        text = str(value)
        return f"'{text}" if text.startswith(FORMULA) else text
    return timezone.localtime(value).isoformat(timespec="seconds") if isinstance(value, datetime) else value


def _lines(page: ListPage, rows: QuerySet[Any]) -> Iterator[str]:
    columns = page.shown_columns
    line = _Line()
    writer = csv.writer(line, quoting=csv.QUOTE_NONNUMERIC)
    writer.writerow([cell(str(column.label)) for column in columns])
    yield BYTE_ORDER_MARK + line.text
    text = ""
    # A cursor on the server: the rows are not sent, and not held here, before they are written.
    for number, row in enumerate(rows.iterator(chunk_size=CHUNK), start=1):
        with read_by(lambda: page.actor):  # the request has been answered by now
            values = [cell(column.export(row, page)) for column in columns]
        writer.writerow(values)
        text += line.text
        if number % CHUNK == 0:
            yield text
            text = ""
    yield text


async def _piecewise(lines: Iterator[str]) -> AsyncIterator[str]:
    """Under ASGI Django would collect a synchronous iterator whole before it sends anything."""
    language, zone = translation.get_language(), timezone.get_current_timezone()

    def following() -> str | None:
        with translation.override(language), timezone.override(zone):
            return next(lines, None)

    while (text := await sync_to_async(following)()) is not None:
        if text:
            yield text
