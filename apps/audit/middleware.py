"""Keeping a line of every change that somebody tried and was refused."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.urls import ResolverMatch

from apps.audit.record import record

Handler = Callable[[HttpRequest], HttpResponse]

SAFE = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
#: What is typed wrong (400, 422) is no refusal, and who is nobody (401) has no log.
REFUSALS = {403: "forbidden", 404: "not_found", 409: "conflict"}


class RefusedAttemptsMiddleware:
    """After the answer, thus in a transaction of its own: whatever the attempt had written is rolled back by then."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        if request.method not in SAFE and response.status_code in REFUSALS:
            _keep(request, response)
        return response


def _keep(request: HttpRequest, response: HttpResponse) -> None:
    actor = request.actor  # type: ignore[attr-defined]
    match = request.resolver_match
    if actor.user is None or match is None:
        return
    key = match.kwargs.get("key")
    data = getattr(response, "data", None)
    code = data.get("code", "") if isinstance(data, dict) else ""
    record(
        actor,
        getattr(request, "tried", "") or _verb(match, request.method or ""),
        target_id=key if isinstance(key, UUID) else None,
        outcome=str(code or REFUSALS[response.status_code])[:64],
    )


def _verb(match: ResolverMatch, method: str) -> str:
    """Return the verb that was tried: what the route was declared with, else made of the view's model or its name."""
    view: Any = match.func
    declared = getattr(view, "initkwargs", None) or getattr(view, "view_initkwargs", None) or {}
    act = declared.get("act") or declared.get("do")
    if act is not None:
        return str(act.verb.name)
    api = getattr(view, "cls", None)
    if api is not None and hasattr(api, "model"):
        declared_as = {"POST": api.create, "PATCH": api.update, "DELETE": api.delete}.get(method)
        if declared_as is not None:
            return str(declared_as.verb.name)
        kind = re.sub(r"(?<!^)(?=[A-Z])", "_", api.model.__name__).lower()
        return f"{kind}.{ {'POST': 'create', 'DELETE': 'delete'}.get(method, 'edit') }"
    return str(match.url_name or match.route)[:48]
