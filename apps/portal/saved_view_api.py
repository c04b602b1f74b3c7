"""Saved views of lists in the API: a list's filters, order and columns under a name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.permissions import SAFE_METHODS
from rest_framework.request import Request
from rest_framework.response import Response

from apps.accounts.access import ensure_may
from apps.accounts.rights import Rights
from apps.api.base import ApiView
from apps.api.conditional import ensure_unchanged
from apps.api.declarations import Create
from apps.api.dry_run import PARAMETER, forecast, is_dry_run
from apps.api.dry_run import represent as represent_forecast
from apps.api.forecast_out import ForecastOut
from apps.api.idempotency import once
from apps.api.parameters import DRY_RUN, KEY, UNLESS_CHANGED
from apps.api.preconditions import etag_of
from apps.api.problem_out import PROBLEM
from apps.api.reading import NoBody
from apps.api.representation import moment
from apps.api.transactions import answered_in_one_transaction
from apps.lifecycle.actor import Actor
from apps.lifecycle.errors import NotFound
from apps.lifecycle.verbs import Verb
from apps.portal import saved_views
from apps.portal.list_settings import LIST_KEY, known_list
from apps.portal.models import SavedView
from apps.portal.saved_view_bodies import SavedViewBody, SavedViewChanges, SavedViewOut, SavedViewsOut

#: Not in the verb table: it acts on no resource, and is not logged. Keys need the scope `write`.
KEEP = Verb(
    "saved_view.keep", label=gettext_lazy("Save view"), doing=gettext_lazy("Saving view"), permission="self"
)
_LIST = OpenApiParameter(
    "list",
    {"type": "string", "maxLength": 64, "pattern": f"^{LIST_KEY}$"},
    required=True,
    description="Which list: portal.vm, admin.host, … (area and kind).",
)


def _create(
    actor: Actor,
    *,
    list: str,
    name: str,
    query: str = "",
    columns: Sequence[str] = (),
    shared: bool = False,
) -> SavedView:
    return saved_views.write_view(actor, list, None, name=name, query=query, columns=columns, shared=shared)


CREATE = Create(KEEP, SavedViewBody, _create, immediate=True)


class _SavedViews(ApiView):
    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Refuse changes by keys whose scope does not cover them."""
        super().initial(request, *args, **kwargs)
        self.actor = cast(Actor, request._request.actor)  # type: ignore[attr-defined]
        changes = request.method not in SAFE_METHODS
        self.dry_run = changes and is_dry_run(request, offered=request.method == "POST")
        if changes:
            ensure_may(self.actor, KEEP, None, None)

    def answer(self, view: SavedView, status: int = 200) -> Response:
        """Return one view."""
        body = represent(view, self.actor)
        made = {"Location": reverse("api:saved-views-one", args=[view.pk])} if status == 201 else {}
        return Response(body, status=status, headers={"ETag": etag_of(body), **made})


class SavedViewsApi(_SavedViews):
    """Views of one list: the caller's own, and those shared in the tenant."""

    query = {"get": {"list": False}, "post": {PARAMETER: False}}

    @extend_schema(
        operation_id="list_saved_views",
        tags=["Saved views"],
        summary="Saved views of a list",
        parameters=[_LIST],
        responses={200: SavedViewsOut, 422: PROBLEM},
    )
    def get(self, request: Request) -> Response:
        """Return them all: there are 100 at most."""
        found = saved_views.views_of(self.actor, known_list(request.query_params.get("list", "")))
        most = saved_views.MOST_OWN + saved_views.MOST_SHARED
        return Response({"results": [represent(view, self.actor) for view in found.order_by("name")[:most]]})

    @extend_schema(
        operation_id="create_saved_view",
        tags=["Saved views"],
        summary="Save a view of a list",
        parameters=[KEY, DRY_RUN],
        request=SavedViewBody,
        responses={200: ForecastOut, 201: SavedViewOut, 403: PROBLEM, 409: PROBLEM, 422: PROBLEM},
    )
    @answered_in_one_transaction
    def post(self, request: Request) -> Response:
        """Save it as the caller's own; or say what that would come to."""
        if self.dry_run:
            seen = forecast(self.actor, CREATE, request.data)
            headers = {"Cache-Control": "no-store"}
            return Response(represent_forecast(seen, CREATE, Rights(self.actor)), headers=headers)
        body = self.read(SavedViewBody)
        return once(
            request,
            KEEP,
            lambda: _create(self.actor, **body),
            lambda view: self.answer(view, status=201),
        )


class SavedViewApi(_SavedViews):
    """One view."""

    query = {"patch": {PARAMETER: False}, "delete": {PARAMETER: False}}
    conditional = frozenset({"patch", "delete"})

    @extend_schema(
        operation_id="update_saved_view",
        tags=["Saved views"],
        summary="Change an own view",
        request=SavedViewChanges,
        parameters=[UNLESS_CHANGED],
        responses={200: SavedViewOut, 403: PROBLEM, 404: PROBLEM, 409: PROBLEM, 412: PROBLEM, 422: PROBLEM},
    )
    @answered_in_one_transaction
    def patch(self, request: Request, key: int) -> Response:
        """Change the given fields."""
        view = self._own(key)
        body = self.read(SavedViewChanges, partial=True)
        saved_views.hold_view(view)
        ensure_unchanged(request, lambda: None, lambda: self.answer(view))
        kept = {"name": view.name, "query": view.query, "columns": view.columns, "shared": view.shared}
        return self.answer(saved_views.write_view(self.actor, view.list_key, view, **{**kept, **body}))

    @extend_schema(
        operation_id="delete_saved_view",
        tags=["Saved views"],
        summary="Delete an own view",
        parameters=[UNLESS_CHANGED],
        responses={204: None, 403: PROBLEM, 404: PROBLEM, 412: PROBLEM, 422: PROBLEM},
    )
    @answered_in_one_transaction
    def delete(self, request: Request, key: int) -> Response:
        """Delete it, for all who use it."""
        view = self._own(key)
        self.read(NoBody)
        ensure_unchanged(request, lambda: saved_views.hold_view(view), lambda: self.answer(view))
        view.delete()
        return Response(status=204)

    def _own(self, key: int) -> SavedView:
        list_key = SavedView.objects.filter(pk=key).values_list("list_key", flat=True).first()
        if list_key is None:
            raise NotFound(_("View not found."))
        return saved_views.own_view(self.actor, list_key, key)


def represent(view: SavedView, actor: Actor) -> dict[str, Any]:
    """Return a view as the API shows it."""
    return {
        "id": str(view.pk),
        "list": view.list_key,
        "name": view.name,
        "query": view.query,
        "columns": view.columns,
        "shared": view.shared,
        "own": view.user_id == getattr(actor.user, "pk", None),
        "created_at": moment(view.created_at),
    }
