"""Secrets in answers: only in the one to the request that made them, and never in what idempotency keeps."""

from __future__ import annotations

from collections.abc import Collection
from typing import ClassVar

from rest_framework.request import Request
from rest_framework.response import Response

from apps.api.idempotency import once
from apps.api.paging import CursorPages
from apps.api.views import ObjectApi
from apps.lifecycle.verbs import Verb


class ShownOnceApi(ObjectApi):
    """`create.service` returns (row, secret), services of the verbs in `resets` a secret; `secret` names its field."""

    secret: ClassVar[str]
    resets: ClassVar[Collection[Verb]] = ()

    def post_list(self, request: Request) -> Response:
        """Create."""
        assert self.create is not None
        create, body = self.create, self._body(self.create.body)
        made: list[str] = []

        def perform() -> Response:
            row, secret = create.service(self.actor, **body)
            made.append(secret)
            return Response(self.represent(row), status=201)

        response = once(request, perform)
        return self._with_secret(response, made[0]) if made else response

    def post_action(self, request: Request, key: object) -> Response:
        """Carry out the verb of the route."""
        if self.act is None or self.act.verb not in self.resets:
            return super().post_action(request, key)
        row = self.found(key)
        secret = self.act.service(self.actor, row)
        return self._with_secret(Response(self.represent(self.found(key))), secret)

    def _with_secret(self, response: Response, secret: str) -> Response:
        response.data = {**response.data, self.secret: secret}
        response["Cache-Control"] = "no-store"
        return response


class UserPages(CursorPages):
    """Pages of log-ins."""

    ordering = ("-date_joined", "id")
