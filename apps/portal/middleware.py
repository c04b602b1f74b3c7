"""What a service would not do, as an answer a person can use."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlsplit, urlunsplit

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from apps.accounts.recent_proof import NotRecent
from apps.lifecycle.errors import Refused
from apps.portal import toasts
from apps.portal.page import lead_to_proof

API = "/api/"


class RefusalMiddleware:
    """Turn Refused, raised by a page, into an error page, or into a toast for htmx. The API has its own handler."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        """Answer a refusal; None lets any other exception pass."""
        if not isinstance(error, Refused) or request.path.startswith(API):
            return None
        if isinstance(error, NotRecent):
            return lead_to_proof(request, _where_from(request))
        toast = toasts.refusal(error, request)
        if "HX-Request" in request.headers:
            answer = toasts.show(request, toast, status=error.status)
        else:
            context = {"toast": toast, "status": error.status}
            answer = render(request, "portal/error.html", context, status=error.status)
        for name, value in error.headers.items():
            answer[name] = value
        return answer


def _where_from(request: HttpRequest) -> str:
    """Return the page of ours that the request came from: what was refused was a POST, which cannot be led back to."""
    parts = urlsplit(request.headers.get("Referer", ""))
    return urlunsplit(("", "", parts.path, parts.query, "")) if parts.netloc == request.get_host() else "/"
