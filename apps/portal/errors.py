"""What Django itself turns away: pages for people, problem+json below /api/."""

from __future__ import annotations

import logging
import sys

import kombu.exceptions
import redis.exceptions
from django.conf import settings
from django.db import IntegrityError, InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.utils.translation import gettext as _
from psycopg.errors import ForeignKeyViolation

from apps.accounts.first_steps import SomethingFirst
from apps.api.errors import problem
from apps.portal.middleware import API
from apps.portal.toasts import Toast

#: How the reasons begin that Django gives for a form from another site.
_FOREIGN = ("Origin checking failed", "Referer checking failed")

log = logging.getLogger(__name__)

#: What a request meets when a service it needs is gone; anything else is a bug.
UNAVAILABLE = (
    OperationalError,
    InterfaceError,
    redis.exceptions.ConnectionError,
    redis.exceptions.TimeoutError,
    kombu.exceptions.OperationalError,
)
#: Seconds after which a client may ask again.
RETRY_AFTER = 10


def bad_request(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """400."""
    return _answer(request, 400, "bad_request", _("The request is malformed."), _("Go back and try again."))


def forbidden(request: HttpRequest, exception: Exception | None = None, reason: str = "") -> HttpResponse:
    """403."""
    if isinstance(exception, SomethingFirst):
        return _answer(request, 403, exception.code, exception.text, exception.hint)
    hint = _("Ask the account owner for a role that allows this, or log in as another user.")
    return _answer(request, 403, "forbidden", _("You have no access to this."), hint)


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """403, when a form carried no valid token: no cookie came, it was sent from elsewhere, or it is too old."""
    if settings.CSRF_COOKIE_NAME not in request.COOKIES:
        text = _("The browser sent no cookie.")
        hint = _("Allow cookies for this site. Then reload the page and send the form again.")
        return _answer(request, 403, "csrf.no_cookie", text, hint)
    if reason.startswith(_FOREIGN):
        text = _("The form was sent from another address: %(origin)s.") % {"origin": _origin(request)}
        hint = _(
            "Open the portal at %(host)s and retry. Behind a proxy, the administrator must forward "
            "the hostname and allow the proxy’s address."
        )
        return _answer(request, 403, "csrf.origin", text, hint % {"host": request.get_host()})
    text = _("The form has expired.")
    return _answer(request, 403, "csrf", text, _("Go back, reload the page and send the form again."))


def _origin(request: HttpRequest) -> str:
    return (request.headers.get("Origin") or request.headers.get("Referer") or "?")[:200]


def not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """404."""
    return _answer(request, 404, "not_found", _("Page not found."), _("The resource may have been deleted."))


def server_error(request: HttpRequest) -> HttpResponse:
    """500; 503 when the database or Redis is gone; 409 when what the request refers to was removed while it ran."""
    error = sys.exc_info()[1]
    if isinstance(error, UNAVAILABLE):
        return unavailable(request)
    if isinstance(error, IntegrityError) and isinstance(error.__cause__, ForeignKeyViolation):
        text = _("A resource used by this request was deleted in the meantime.")
        hint = _("Nothing was changed. Reload to see the current state.")
        return _answer(request, 409, "removed_meanwhile", text, hint)
    hint = _("Retry. If this happens again, give the request ID to the administrator.")
    return _answer(request, 500, "platform.bug", _("Internal error."), hint)


def _answer(request: HttpRequest, status: int, code: str, text: str, hint: str = "") -> HttpResponse:
    if request.path.startswith(API):
        return problem(request, status, code, text, hint)
    toast = Toast(text, "error", hint=hint, code=code, request_id=getattr(request, "request_id", ""))
    context = {"toast": toast, "status": status}
    try:
        return render(request, "portal/error.html", context, status=status)
    except Exception:  # whatever broke the page may break its frame as well
        log.exception("the error page could not be drawn in the portal's frame")
        return HttpResponse(render_to_string("portal/error.html", context), status=status)


def unavailable(request: HttpRequest) -> HttpResponse:
    """Say so without asking the database who asks."""
    text = _("The platform is temporarily unavailable.")
    hint = _("Accepted tasks are not lost. Retry in a minute.")
    if request.path.startswith(API):
        answer: HttpResponse = problem(request, 503, "platform.unavailable", text, hint)
    else:
        toast = Toast(
            text,
            "error",
            hint=hint,
            code="platform.unavailable",
            request_id=getattr(request, "request_id", ""),
        )
        page = render_to_string("portal/error.html", {"toast": toast, "status": 503})
        answer = HttpResponse(page, status=503)
    answer["Retry-After"] = str(RETRY_AFTER)
    return answer
