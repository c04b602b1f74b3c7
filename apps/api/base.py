"""The base of every endpoint's view: what all of them refuse and answer alike."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, ClassVar

from rest_framework.permissions import SAFE_METHODS
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.api.preconditions import ensure_no_condition
from apps.api.reading import Body, check_query, read_body


class ApiView(APIView):
    """Refuses query parameters it does not know, and answers OPTIONS with the methods there are."""

    #: Query parameters by the method that reads them, and whether each may be repeated.
    query: ClassVar[Mapping[str, Mapping[str, bool]]] = {}
    #: Methods that heed `If-Match`.
    conditional: ClassVar[Collection[str]] = frozenset()

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Look at the query once it is known who asks."""
        super().initial(request, *args, **kwargs)
        if request.method != "OPTIONS":
            check_query(request, self.known_query())
        if request.method not in SAFE_METHODS and self.handler not in self.conditional:
            ensure_no_condition(request.headers)

    @property
    def handler(self) -> str:
        """Return the name of the method that answers the request."""
        return getattr(self, "action", None) or str(self.request.method).lower()

    def options(self, request: Request, *args: Any, **kwargs: Any) -> Response:  # type: ignore[override]
        """Answer with the `Allow` header alone: the OpenAPI document describes the rest."""
        return Response(status=204)

    def known_query(self) -> Mapping[str, bool]:
        """Return the parameters that the request may have, and whether each may be repeated."""
        return self.query.get("get" if self.handler == "head" else self.handler, {})

    def read(self, body: Body, *, partial: bool = False, beside: Collection[str] = ()) -> dict[str, Any]:
        """Return the validated body; `NoBody` where none is taken. Raises ValidationError, also for unknown fields."""
        actor = self.request._request.actor  # type: ignore[attr-defined]
        return read_body(body, self.request.data, partial=partial, beside=beside, actor=actor)
