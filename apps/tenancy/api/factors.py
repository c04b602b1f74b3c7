"""One's own second factors. Keys may read which there are; only a person with a fresh proof removes one.

Setting one up needs the browser or the telephone that holds it, so it is done in the portal.
"""

from __future__ import annotations

from typing import Any, cast

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from apps.api.base import ApiView
from apps.api.dry_run import PARAMETER, is_dry_run
from apps.api.problem_out import PROBLEM
from apps.api.reading import NoBody
from apps.api.representation import moment
from apps.api.transactions import answered_in_one_transaction
from apps.lifecycle.actor import Actor
from apps.tenancy.factors.rows import factors_of
from apps.tenancy.services.factors import remove_app, remove_passkey


class FactorAppOut(serializers.Serializer[Any]):
    created_at = serializers.DateTimeField()
    last_used_at = serializers.DateTimeField(allow_null=True)


class FactorPasskeyOut(serializers.Serializer[Any]):
    id = serializers.CharField()
    name = serializers.CharField()
    created_at = serializers.DateTimeField()
    last_used_at = serializers.DateTimeField(allow_null=True)


class FactorsOut(serializers.Serializer[Any]):
    app = FactorAppOut(allow_null=True, help_text="The authenticator app.")
    passkeys = FactorPasskeyOut(many=True)
    recovery_codes_left = serializers.IntegerField(allow_null=True, help_text="null: none were made.")


class Factors(ApiView):
    """What the caller logs in with beside the password."""

    @extend_schema(
        operation_id="get_factors", tags=["Factors"], summary="Own second factors", responses=FactorsOut
    )
    def get(self, request: Request) -> Response:
        """Return them; nothing that opens anything."""
        user = _actor(request).user
        assert user is not None, "only who is logged in gets here"
        found = factors_of(user)
        app = (
            {"created_at": moment(found.app_since), "last_used_at": moment(found.app_used)}
            if found.app_since
            else None
        )
        passkeys = [
            {
                "id": str(each.pk),
                "name": each.name,
                "created_at": moment(each.created_at),
                "last_used_at": moment(each.last_used_at),
            }
            for each in found.passkeys
        ]
        return Response({"app": app, "passkeys": passkeys, "recovery_codes_left": found.codes_left})


class FactorApp(ApiView):
    """The authenticator app."""

    query = {"delete": {PARAMETER: False}}

    @extend_schema(
        operation_id="remove_app",
        tags=["Factors"],
        summary="Remove the authenticator app (needs a fresh proof)",
        responses={204: None, 403: PROBLEM, 404: PROBLEM},
    )
    @answered_in_one_transaction
    def delete(self, request: Request) -> Response:
        """Remove it; without another factor the recovery codes are removed too."""
        is_dry_run(request, offered=False)
        self.read(NoBody)
        remove_app(_actor(request))
        return Response(status=204)


class FactorPasskey(ApiView):
    """A passkey."""

    query = {"delete": {PARAMETER: False}}

    @extend_schema(
        operation_id="remove_passkey",
        tags=["Factors"],
        summary="Remove a passkey (needs a fresh proof)",
        responses={204: None, 403: PROBLEM, 404: PROBLEM},
    )
    @answered_in_one_transaction
    def delete(self, request: Request, key: int) -> Response:
        """Remove it; without another factor the recovery codes are removed too."""
        is_dry_run(request, offered=False)
        self.read(NoBody)
        remove_passkey(_actor(request), key)
        return Response(status=204)


def _actor(request: Request) -> Actor:
    return cast(Actor, request._request.actor)  # type: ignore[attr-defined]
