"""Every error as application/problem+json (RFC 9457): stable code, field, next step, the request's id."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from django.core.exceptions import PermissionDenied, RequestDataTooBig
from django.http import Http404, HttpRequest, JsonResponse
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.csrf import csrf_exempt
from rest_framework import exceptions
from rest_framework.renderers import JSONRenderer
from rest_framework.response import Response
from rest_framework.views import exception_handler

from apps.api import limits
from apps.api.error_codes import page_of
from apps.api.negotiation import CONTENT_TYPE
from apps.lifecycle.errors import Invalid, Refused

#: Characters of an error's text: it may repeat what was sent.
MOST_TEXT = 500


class TooLarge(exceptions.APIException):
    """The body is larger than any request is."""

    status_code = 413
    default_detail = gettext_lazy("The request body is too large.")
    default_code = "too_large"


def problem_response(error: Exception, context: dict[str, Any]) -> Response | None:
    """DRF's exception handler: None (a 500 by Django) only for bugs."""
    request_id = getattr(context["request"], "request_id", "")
    # The document is YAML as well; a problem is JSON always.
    request = context["request"]
    request.accepted_renderer, request.accepted_media_type = JSONRenderer(), JSONRenderer.media_type
    if isinstance(error, Refused):
        return _respond(error.status, problem_of(error), request_id, error.headers)
    if isinstance(error, Http404):
        error = exceptions.NotFound()
    if isinstance(error, RequestDataTooBig):
        error = TooLarge()
    if isinstance(error, PermissionDenied):
        error = exceptions.PermissionDenied()
    response = exception_handler(error, context)
    if response is None:
        return None
    body = _of_drf(error)
    headers = {k: v for k, v in response.items() if k in {"WWW-Authenticate", "Retry-After"}}
    return _respond(response.status_code, body, request_id, headers)


def _respond(
    status: int, body: dict[str, Any], request_id: str, headers: dict[str, str] | None = None
) -> Response:
    body = {"type": page_of(body["code"]), "status": status, **body, "request_id": request_id}
    return Response(body, status=status, headers=headers, content_type=CONTENT_TYPE)


def problem_of(error: Refused) -> dict[str, Any]:
    """Return a refusal as a problem's body, without status and request id."""
    hint = error.hint or str(HINTS.get(error.code) or HINTS.get(type(error).code) or "")
    body: dict[str, Any] = {"code": error.code, "title": error.message, "hint": hint}
    if isinstance(error, Invalid):
        body["errors"] = _some(
            {"field": f, "message": m} for f, messages in error.fields.items() for m in messages
        )
    elif error.field:
        body["errors"] = [{"field": error.field, "message": error.message}]
    if error.details:
        body["details"] = error.details
    return body


#: What to do next, by the code: of what Django REST framework turns away itself, and where a refusal says nothing.
HINTS: dict[str, Promise] = {
    "invalid": gettext_lazy("See the error of each field."),
    "forbidden": gettext_lazy("Ask the account owner for a role or API key that allows this."),
    "refused": gettext_lazy("Read the resource again to see its allowed actions."),
    "state.not_allowed": gettext_lazy("Read the resource again to see its allowed actions."),
    "operation.busy": gettext_lazy("Wait until its task has finished, then retry."),
    "resource.in_use": gettext_lazy("Remove the dependent resources first."),
    "quota.exceeded": gettext_lazy("Delete unused resources, or ask the administrator for a higher quota."),
    "placement.no_host": gettext_lazy(
        "Choose another size or cluster, or ask the administrator to add hosts."
    ),
    "not_authenticated": gettext_lazy("Send a valid API key in the header “Authorization: Bearer …”."),
    "authentication_failed": gettext_lazy("Send a valid API key in the header “Authorization: Bearer …”."),
    "permission_denied": gettext_lazy("Ask the account owner for a role or API key that allows this."),
    "not_found": gettext_lazy("The resource may have been deleted."),
    "method_not_allowed": gettext_lazy("See /api/v1/docs for the methods of this path."),
    "not_acceptable": gettext_lazy("Set Accept to application/json."),
    "unsupported_media_type": gettext_lazy("Set Content-Type to application/json."),
    "too_large": gettext_lazy("Send a smaller request."),
    "too_complex": gettext_lazy("Send a smaller request with less nesting."),
    "parse_error": gettext_lazy("Send valid JSON."),
    "throttled": gettext_lazy("Wait, then retry."),
}


def _of_drf(error: Exception) -> dict[str, Any]:
    if isinstance(error, exceptions.ValidationError):
        return {
            "code": "invalid",
            "title": _("Some fields are invalid."),
            "hint": str(HINTS["invalid"]),
            "errors": field_errors(error.detail),
        }
    assert isinstance(error, exceptions.APIException)
    code = str(error.default_code)
    return {"code": code, "title": str(error.detail), "hint": str(HINTS.get(code, ""))}


def field_errors(detail: Any) -> list[dict[str, str]]:
    """Return a DRF error's messages with their fields."""
    return _some(flat_errors(detail))


def _some(errors: Iterable[dict[str, str]]) -> list[dict[str, str]]:
    """Return the first errors, their texts cut, and how many more there are."""
    found = list(errors)
    shown = [
        {"field": e["field"][:MOST_TEXT], "message": e["message"][:MOST_TEXT]} for e in found[: limits.ERRORS]
    ]
    if len(found) > limits.ERRORS:
        shown.append({"field": "", "message": _("And %(n)s more.") % {"n": len(found) - limits.ERRORS}})
    return shown


def flat_errors(detail: Any, field: str = "") -> Iterator[dict[str, str]]:
    """Yield {"field", "message"} of a nested DRF error, fields joined by dots."""
    if isinstance(detail, dict):
        for name, inner in detail.items():
            path = name if not field else f"{field}.{name}"
            yield from flat_errors(inner, field if name == "non_field_errors" else path)
    elif isinstance(detail, list):
        for position, inner in enumerate(detail):
            nested = isinstance(inner, dict)
            yield from flat_errors(inner, f"{field}.{position}" if nested else field)
    else:
        yield {"field": field, "message": str(detail)}


def problem(request: HttpRequest, status: int, code: str, title: str, hint: str = "") -> JsonResponse:
    """Return a problem for what happens outside DRF: unknown paths, bugs."""
    body = {"type": page_of(code), "status": status, "code": code, "title": title, "hint": hint}
    body["request_id"] = getattr(request, "request_id", "")
    return JsonResponse(body, status=status, content_type=CONTENT_TYPE)


@csrf_exempt
def no_such_endpoint(request: HttpRequest) -> JsonResponse:
    """404 for paths under /api/ that no endpoint has."""
    return problem(
        request, 404, "not_found", _("Endpoint not found."), _("See /api/v1/docs for all endpoints.")
    )
