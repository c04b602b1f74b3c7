"""What every kind's API reads: its list and one row. The changes are in `views.py`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db.models import QuerySet
from django.utils.translation import gettext as _
from rest_framework.permissions import SAFE_METHODS
from rest_framework.request import Request
from rest_framework.response import Response

from apps.api.declarations import KindApi
from apps.api.dry_run import PARAMETER, is_dry_run
from apps.api.filters import list_parameters
from apps.api.preconditions import etag_of, is_known
from apps.api.schema import KitSchema
from apps.lifecycle.errors import NotFound


class ReadingApi(KindApi):
    """Lists and shows the rows of a kind."""

    schema = KitSchema()

    def initialize_request(self, request: Any, *args: Any, **kwargs: Any) -> Request:
        """Answer 405 to what the route does not map: `delete` is a declaration here, which DRF would call."""
        self.http_method_names = [*(self.action_map or {}), "options"]
        return super().initialize_request(request, *args, **kwargs)

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Refuse a dry run of anything but a create: it would be done."""
        super().initial(request, *args, **kwargs)
        changes = request.method not in SAFE_METHODS
        self.dry_run = changes and is_dry_run(request, offered=self.action == "post_list")

    def known_query(self) -> Mapping[str, bool]:
        """Add a list's filters and pages; and `dry_run`, which changes other than creates refuse by themselves."""
        if self.action == "get_list":
            return list_parameters(self)
        changes = self.request.method not in SAFE_METHODS
        return {**super().known_query(), **({PARAMETER: False} if changes else {})}

    def get_queryset(self) -> QuerySet[Any]:
        """DRF's hook."""
        if getattr(self, "swagger_fake_view", False):
            return self.model._default_manager.none()
        return self.visible(self.actor)

    def represent(self, row: Any) -> dict[str, Any]:
        """Return a row as the API shows it."""
        return self.out.represent(row, self.rights)

    def found(self, key: object, *, to_show: bool = True) -> Any:
        """Return the row of the path; NotFound when there is none that the asker may know of.

        `to_show` False leaves out what is read beside it for its representation: services read what they change again.
        """
        rows = self.get_queryset() if to_show else self.to_change()
        row = rows.filter(**{self.key: key}).first()
        if row is None:
            raise NotFound(_("This %(kind)s was not found.") % {"kind": self.model._meta.verbose_name})
        return row

    def to_change(self) -> QuerySet[Any]:
        """Return the rows for services, which read what they change again."""
        return self.get_queryset().prefetch_related(None)

    # -- routes --------------------------------------------------------------------------------------------------------

    def get_list(self, request: Request) -> Response:
        """A page of rows, newest first."""
        rows = self.paginate_queryset(self.filter_queryset(self.get_queryset()))
        return self.get_paginated_response([self.represent(row) for row in rows or ()])

    def get_one(self, request: Request, key: object) -> Response:
        """One row; 304 to whoever has it already."""
        body = self.represent(self.found(key))
        headers = {"ETag": etag_of(body, self.secrets)}
        if is_known(request.headers, headers["ETag"]):
            return Response(status=304, headers=headers)
        return Response(body, headers=headers)
