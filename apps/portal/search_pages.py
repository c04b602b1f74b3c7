"""The search's faces: a page of results, the palette's choices, and the API's answer."""

from __future__ import annotations

from typing import Any, cast

from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from apps.api.base import ApiView
from apps.api.query_fields import LONGEST
from apps.api.vocabulary import VOCABULARIES, word_of
from apps.lifecycle.actor import Actor
from apps.lifecycle.errors import Invalid, NotFound
from apps.portal import search
from apps.portal.kind_registry import list_pages
from apps.portal.page import Page


class SearchPage(Page):
    """`?q=` finds; for the palette (htmx) as choices. `?kind=&key=` are the choices for one resource: its actions."""

    title = _("Search")
    template_name = "portal/search.html"

    def get(self, request: HttpRequest) -> HttpResponse:
        """Show what is found."""
        if self.is_part and "key" in request.GET:
            return self._actions(request.GET.get("kind", ""), request.GET["key"])
        text = request.GET.get("q", "")
        found = {
            "text": text,
            "kinds": search.resources(
                self.actor, self.area, text, search.FEW if self.is_part else search.MANY
            ),
            "creations": search.creations(self.actor, self.area, text),
            "actions": search.actions(self.actor, self.area, text),
            "pages": [] if self.is_part else search.pages(self.area, text),
        }
        return self.show(found, "portal/palette_results.html" if self.is_part else "")

    def _actions(self, kind: str, key: str) -> HttpResponse:
        page = list_pages(self.area).get(kind)
        if page is None:
            raise NotFound(str(_("Page not found.")))
        try:
            row = page.of.found(self.actor, key)
        except (ValueError, ValidationError) as error:  # no key of this kind looks like that
            raise NotFound(str(_("Page not found."))) from error
        offers = page.of.offers(self.rights, row, self.area)
        return self.show({"row": row, "offers": offers}, "portal/palette_actions.html")


def _kinds() -> list[str]:
    pages = [page for area in ("admin", "portal") for page in list_pages(area).values()]
    return sorted({page.of.kind for page in pages if page.in_search})


VOCABULARIES["FoundKind"] = _kinds


@extend_schema_field(word_of("FoundKind"))
class FoundKind(serializers.CharField):
    """A kind that the search box finds."""


class FoundOut(serializers.Serializer[Any]):
    kind = FoundKind()
    id = serializers.CharField()
    name = serializers.CharField()
    beside = serializers.CharField(help_text="Addresses or description.")
    word = serializers.CharField(help_text="State as displayed; empty if the object has none.")


class SearchOut(serializers.Serializer[Any]):
    results = FoundOut(many=True)


class SearchApi(ApiView):
    """What the search box finds."""

    query = {"get": {"q": False}}

    @extend_schema(
        operation_id="search",
        tags=["Search"],
        summary="Find resources by name, ID, IP address, MAC or description",
        parameters=[
            OpenApiParameter(
                "q", {"type": "string", "maxLength": LONGEST}, description="Search text.", required=True
            )
        ],
        responses=SearchOut,
    )
    def get(self, request: Request) -> Response:
        """Return a few results per kind, exact names first."""
        actor = cast(Actor, request._request.actor)  # type: ignore[attr-defined]
        area = "admin" if actor.is_admin and actor.tenant is None else "portal"
        text = request.query_params.get("q", "")
        if len(text) > LONGEST:
            raise Invalid({"q": [_("At most %(n)s characters.") % {"n": LONGEST}]})
        kinds = search.resources(actor, area, text, search.MANY)
        return Response({"results": [_represent(found) for kind in kinds for found in kind.found]})


def _represent(found: search.Found) -> dict[str, str]:
    return {
        "kind": found.kind.kind,
        "id": found.key,
        "name": found.name,
        "beside": found.beside,
        "word": str(found.state.word) if found.state else "",
    }
