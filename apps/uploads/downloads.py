"""/api/v1/downloads/TOKEN: the bytes of an export, whole or from where an earlier download has come to.

The file is read in pieces by threads that no request waits for: neither the event loop nor a request's turn is held,
and memory holds one piece of each download.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from django.http import HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.utils.http import content_disposition_header, http_date
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request

from apps.api.base import ApiView
from apps.lifecycle.actor import Actor
from apps.lifecycle.errors import NotFound, Refused
from apps.uploads import exports, spool
from apps.uploads.models import Export
from apps.uploads.ranges import Span, Unsatisfiable, span_of

#: Read and sent at once.
PIECE = 256 * 1024
#: Downloads of a web process at a time.
MOST_AT_ONCE = 8
CONTENT_TYPE = "application/octet-stream"


class TooManyDownloads(Refused):
    """This process sends as many files as it may."""

    status = 429
    code = "download.too_many"

    @property
    def headers(self) -> dict[str, str]:
        """Say when to try again."""
        return {"Retry-After": "30"}


class NoSuchRange(Refused):
    """The file has no byte of what was asked for."""

    status = 416
    code = "download.range"

    def __init__(self, size: int) -> None:
        super().__init__(
            _("The file has only %(size)s bytes.") % {"size": size}, hint=_("Download it from its start.")
        )
        self.size = size

    @property
    def headers(self) -> dict[str, str]:
        """Say how large it is."""
        return {"Content-Range": f"bytes */{self.size}"}


class Sending:
    """How many files the process sends. All downloads run in its one event loop, so a number is enough."""

    def __init__(self) -> None:
        self.count = 0

    def ensure_place(self) -> None:
        """Raise TooManyDownloads while there is none."""
        if self.count >= MOST_AT_ONCE:
            raise TooManyDownloads(
                _("Too many downloads are running."), hint=_("Wait until one has finished, then retry.")
            )

    async def pieces(self, path: Path, span: Span) -> AsyncIterator[bytes]:
        """Yield a part of a file. It ends early if the file does: what comes is then shorter than was said."""
        self.count += 1
        try:
            file = await asyncio.to_thread(os.open, path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
            try:
                at = span.start
                while at < span.end:
                    piece = await asyncio.to_thread(os.pread, file, min(PIECE, span.end - at), at)
                    if not piece:
                        return
                    at += len(piece)
                    yield piece
            finally:
                os.close(file)
        finally:
            self.count -= 1


sending = Sending()


@extend_schema(exclude=True)
class DownloadApi(ApiView):
    """GET and HEAD of a file, by the link that its administrator has made."""

    def get(self, request: Request, key: str) -> HttpResponseBase:
        """Send the file, or the range that is asked for."""
        export, span, headers = self._wanted(request, key)
        sending.ensure_place()
        return StreamingHttpResponse(
            sending.pieces(spool.path_of(export.pk), span),
            status=200 if span.is_all else 206,
            content_type=CONTENT_TYPE,
            headers=headers,
        )

    def head(self, request: Request, key: str) -> HttpResponseBase:
        """Say what GET would send."""
        _export, span, headers = self._wanted(request, key)
        return HttpResponse(status=200 if span.is_all else 206, content_type=CONTENT_TYPE, headers=headers)

    def perform_content_negotiation(self, request: Request, force: bool = False) -> Any:
        """Whatever the client accepts: it is a file, not JSON in one form or another."""
        return super().perform_content_negotiation(request, force=True)

    def _wanted(self, request: Request, key: str) -> tuple[Export, Span, dict[str, str]]:
        actor: Actor = request._request.actor  # type: ignore[attr-defined]
        export = exports.opened(actor, key)
        if not spool.path_of(export.pk).is_file():
            raise NotFound(_("The file no longer exists."), hint=_("Prepare the download again."))
        span = _span(request, export)
        return export, span, _headers(export, span)


def _span(request: Request, export: Export) -> Span:
    whole = Span(0, export.size, export.size)
    if request.headers.get("If-Range", _etag(export)) != _etag(export):
        return whole  # what the client has is of another file
    try:
        return span_of(request.headers.get("Range", ""), export.size) or whole
    except Unsatisfiable as error:
        raise NoSuchRange(export.size) from error


def _headers(export: Export, span: Span) -> dict[str, Any]:
    return {
        "Accept-Ranges": "bytes",
        "Cache-Control": "no-store, no-transform",
        "Content-Disposition": content_disposition_header(as_attachment=True, filename=export.name) or "",
        "Content-Length": str(span.length),
        "ETag": _etag(export),
        "Last-Modified": http_date(export.created_at.timestamp()),
        # nginx would put what the client has not taken yet into a file of its own.
        "X-Accel-Buffering": "no",
        **({} if span.is_all else {"Content-Range": span.content_range}),
    }


def _etag(export: Export) -> str:
    return f'"{export.sha256}"'
