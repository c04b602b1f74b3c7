"""The caller's own account."""

from __future__ import annotations

from typing import Any, cast

from django.contrib.auth import update_session_auth_hash
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from apps.api import limits
from apps.api.base import ApiView
from apps.api.problem_out import PROBLEM
from apps.api.transactions import answered_in_one_transaction
from apps.lifecycle.actor import Actor
from apps.tenancy.services.passwords import prove_current, set_own_password


class PasswordBody(serializers.Serializer[Any]):
    current = serializers.CharField(max_length=limits.PASSWORD, trim_whitespace=False)
    new = serializers.CharField(max_length=limits.PASSWORD, trim_whitespace=False)


class AccountPassword(ApiView):
    """The caller's own password."""

    @extend_schema(
        operation_id="change_password",
        tags=["Me"],
        summary="Change own password",
        request=PasswordBody,
        responses={204: None, 403: PROBLEM, 422: PROBLEM},
    )
    def post(self, request: Request) -> Response:
        """Change the password. All other sessions end; API keys are kept."""
        body = self.read(PasswordBody)
        # Before the transaction, which would take the failure's line in the log back.
        prove_current(cast(Actor, request._request.actor), body["current"])  # type: ignore[attr-defined]
        return self._change(request, body)

    @answered_in_one_transaction
    def _change(self, request: Request, given: dict[str, Any]) -> Response:
        actor = cast(Actor, request._request.actor)  # type: ignore[attr-defined]
        user = set_own_password(actor, **given)
        if actor.api_key is None:
            update_session_auth_hash(request._request, user)
        return Response(status=204)
