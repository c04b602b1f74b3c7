"""What Django itself turns away: pages for people, problem+json below /api/."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _

from apps.api.errors import problem
from apps.portal.feedback import Toast
from apps.portal.middleware import API


def bad_request(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """400."""
    return _answer(request, 400, "bad_request", _("The request is malformed."))


def forbidden(request: HttpRequest, exception: Exception | None = None, reason: str = "") -> HttpResponse:
    """403."""
    return _answer(request, 403, "forbidden", _("You may not see this."))


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """403, when a form carried no valid token."""
    hint = _("Reload the page and send the form again; cookies must be allowed.")
    return _answer(
        request, 403, "csrf", _("The form was not accepted: its security token is missing or old."), hint
    )


def not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """404."""
    return _answer(request, 404, "not_found", _("There is no such page."), _("It may have been deleted."))


def server_error(request: HttpRequest) -> HttpResponse:
    """500."""
    hint = _("Try again; if it happens again, give the administrator the request's id.")
    return _answer(request, 500, "platform.bug", _("The platform made an error."), hint)


def _answer(request: HttpRequest, status: int, code: str, text: str, hint: str = "") -> HttpResponse:
    if request.path.startswith(API):
        return problem(request, status, code, text, hint)
    toast = Toast(text, "error", hint=hint, code=code, request_id=getattr(request, "request_id", ""))
    return render(request, "portal/error.html", {"toast": toast, "status": status}, status=status)
