"""The timeline of a resource in the API: what people did to it, and what was observed."""

from __future__ import annotations

from typing import Any, cast
from uuid import UUID

from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from apps.api.base import ApiView
from apps.api.problem_out import PROBLEM
from apps.api.representation import moment
from apps.lifecycle.actor import Actor
from apps.lifecycle.errors import NotFound
from apps.lifecycle.models import Resource
from apps.portal.kind_registry import list_pages
from apps.portal.timeline import ALL, CHANGES, EVENTS, LENGTH, Moment, timeline

MOST_PAGES = 1_000
ANY = "all"
_SHOWN = {ANY: ALL, CHANGES: CHANGES, EVENTS: EVENTS}


class MomentOut(serializers.Serializer[Any]):
    at = serializers.DateTimeField()
    text = serializers.CharField()
    who = serializers.CharField(help_text="Empty: the platform.")
    origin = serializers.CharField(help_text="By what and from which address.")
    code = serializers.CharField(help_text="Of a failure, a refusal or what was observed; may be empty.")
    detail = serializers.CharField(help_text="The cause of a failure.")
    hint = serializers.CharField(help_text="Next step.")
    operation = serializers.UUIDField(allow_null=True)
    took_seconds = serializers.FloatField(allow_null=True)


class TimelineOut(serializers.Serializer[Any]):
    page = serializers.IntegerField()
    more = serializers.BooleanField(help_text="Whether there are older entries, on the next page.")
    results = MomentOut(many=True)


class TimelineApi(ApiView):
    """The timeline of a resource of any kind."""

    query = {"get": {"show": False, "page": False}}

    @extend_schema(
        operation_id="get_timeline",
        tags=["Resources"],
        summary="Timeline of a resource, newest first",
        parameters=[
            OpenApiParameter("show", str, enum=list(_SHOWN), default=ANY, description="What to show."),
            OpenApiParameter(
                "page",
                {"type": "integer", "minimum": 1, "maximum": MOST_PAGES, "default": 1},
                description=f"{LENGTH} entries each.",
            ),
        ],
        responses={200: TimelineOut, 404: PROBLEM},
    )
    def get(self, request: Request, key: UUID) -> Response:
        """Return a page of what the caller may read of it."""
        actor = cast(Actor, request._request.actor)  # type: ignore[attr-defined]
        area = "admin" if actor.is_admin and actor.tenant is None else "portal"
        show, number = _asked(request)
        shown = timeline(actor, _found(actor, area, key), area, show=show, number=number)
        return Response(
            {"page": number, "more": shown.more, "results": [_represent(each) for each in shown.moments]}
        )


def _asked(request: Request) -> tuple[str, int]:
    show, page = request.query_params.get("show") or ANY, request.query_params.get("page") or "1"
    if show not in _SHOWN:
        raise ValidationError({"show": [_("One of: %(choices)s.") % {"choices": ", ".join(_SHOWN)}]})
    number = int(page) if page.isascii() and page.isdecimal() and len(page) < 5 else 0
    if not 1 <= number <= MOST_PAGES:
        raise ValidationError({"page": [_("From 1 to %(n)s.") % {"n": MOST_PAGES}]})
    return _SHOWN[show], number


def _found(actor: Actor, area: str, key: UUID) -> Resource:
    """Return the resource by the rule of its kind's pages. Raises NotFound."""
    kind = Resource.objects.filter(pk=key).values_list("kind", flat=True).first()
    page = list_pages(area).get(kind or "")
    if page is None:
        raise NotFound(_("Resource not found."))
    found: Resource = page.of.found(actor, key)
    return found


def _represent(shown: Moment) -> dict[str, Any]:
    return {
        "at": moment(shown.at),
        "text": str(shown.text),
        "who": shown.who,
        "origin": shown.origin,
        "code": shown.code,
        "detail": str(shown.detail),
        "hint": str(shown.hint),
        "operation": str(shown.operation) if shown.operation else None,
        "took_seconds": shown.took.total_seconds() if shown.took is not None else None,
    }
