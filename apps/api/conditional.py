"""Conditional requests of endpoints that are not the kit's: one document each, read by GET, changed by PATCH or PUT."""

from __future__ import annotations

from collections.abc import Callable

from rest_framework.permissions import SAFE_METHODS
from rest_framework.request import Request
from rest_framework.response import Response

from apps.api.preconditions import IF_MATCH, ensure_match, etag_of, is_known


def with_etag(request: Request, response: Response) -> Response:
    """Return the answer with its ETag; 304 to a reader who has it already."""
    etag = etag_of(response.data)
    if request.method in SAFE_METHODS and is_known(request.headers, etag):
        response = Response(status=304)
    response["ETag"] = etag
    return response


def ensure_unchanged(request: Request, hold: Callable[[], object], read: Callable[[], Response]) -> None:
    """Raise Changed unless what `read` answers is as the caller's `If-Match` says. Call in a transaction.

    `hold` takes the lock that every writer of the document takes, with or without a condition: so nothing is written
    between the comparison and the change.
    """
    if IF_MATCH not in request.headers:
        return
    hold()
    ensure_match(request.headers, etag_of(read().data))
