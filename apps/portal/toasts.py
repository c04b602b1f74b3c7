"""Telling the user what became of a click: a toast, at once for htmx, on the next page otherwise."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _

from apps.lifecycle.errors import Refused
from apps.lifecycle.models import Operation
from apps.lifecycle.verbs import Text, verb_named
from apps.portal.kinds import resource_url


@dataclass(frozen=True)
class Toast:
    """tone: ok, busy or error. operation: id, for following it. url: where to read more.

    users: name and path of what stands in the way.
    """

    text: Text
    tone: str = "ok"
    detail: str = ""
    hint: str = ""
    code: str = ""
    request_id: str = ""
    operation: str = ""
    url: str = ""
    users: Sequence[tuple[str, str]] = ()


def toast_for(outcome: Any, area: str, fallback: Text) -> Toast:
    """Return what to say about what a service returned: operations are under way, anything else is done."""
    operations = outcome if isinstance(outcome, list) else [outcome]
    first = operations[0] if operations else None
    if not isinstance(first, Operation):
        return Toast(fallback)
    doing = verb_named(first.verb).doing
    if len(operations) > 1:
        text = _("%(doing)s: %(n)s in progress") % {"doing": doing, "n": len(operations)}
    else:
        text = f"{doing}: {first.target_name}"
    return Toast(text, "busy", operation=str(first.pk), url=resource_url(area, "operation", first.pk))


def refusal(error: Refused, request: HttpRequest) -> Toast:
    """Return a refusal as a toast: cause, code, next step, request id."""
    return Toast(
        error.message,
        "error",
        hint=error.hint,
        code=error.code,
        request_id=getattr(request, "request_id", ""),
        users=users_of(error, str(getattr(request, "area", "") or "portal")),
    )


def users_of(error: Refused, area: str) -> list[tuple[str, str]]:
    """Return name and path of the resources that a refusal names as its cause."""
    named: Any = error.details.get("resources", ())
    return [(str(each["name"]), resource_url(area, each["kind"], each["id"])) for each in named]


def keep(request: HttpRequest, toast: Toast) -> None:
    """Show the toast on the next page."""
    kept = {name: str(value) for name, value in vars(toast).items() if value}
    messages.info(request, json.dumps(kept))


def kept(request: HttpRequest) -> list[Toast]:
    """Return and forget the toasts kept for this page."""
    return [Toast(**json.loads(message.message)) for message in messages.get_messages(request)]


def show(request: HttpRequest, toast: Toast, status: int = 200) -> HttpResponse:
    """Answer an htmx request with a toast, wherever its own target was, and close its dialog."""
    response = render(request, "portal/toast.html", {"toast": toast}, status=status)
    response["HX-Reswap"] = "beforeend"
    # Not where that is the target anyway: htmx looks for another one from the button, which is in no document any more
    # if its row was renewed meanwhile.
    if request.headers.get("HX-Target") != "toasts":
        response["HX-Retarget"] = "#toasts"
    if status < 400:
        response["HX-Trigger"] = "kit:done"
    return response
