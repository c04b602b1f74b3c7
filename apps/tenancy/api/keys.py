"""API keys."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from rest_framework import serializers

from apps.accounts.models import ApiKey
from apps.accounts.selectors import visible_keys
from apps.accounts.throttle.rates import limit_of
from apps.accounts.verbs import KEY_DERIVE, KEY_ISSUE, KEY_REVOKE
from apps.api import limits
from apps.api.bodies import LineField
from apps.api.declarations import Action, Create
from apps.api.representation import Out, moment
from apps.api.views import ObjectApi
from apps.api.vocabulary import one_of
from apps.lifecycle.actor import Actor
from apps.lifecycle.verbs import Verb
from apps.tenancy.filters import KeyFilter
from apps.tenancy.services.holding import hold_user
from apps.tenancy.services.keys import issue_own_key


class KeyBody(serializers.Serializer[Any]):
    name = LineField(max_length=63)
    scope = serializers.ChoiceField(choices=ApiKey.Scope.choices)
    expires_at = serializers.DateTimeField(required=False, allow_null=True, default=None)
    requests_per_minute = serializers.IntegerField(
        required=False,
        allow_null=True,
        default=None,
        min_value=1,
        max_value=limits.INTEGER,
        help_text="A limit of its own, below the platform's; null: the platform's.",
    )


class ApiKeyOut(Out):
    id = serializers.UUIDField()
    name = serializers.CharField()
    username = serializers.CharField()
    prefix = serializers.CharField(help_text="Token prefix after sk_.")
    scope = serializers.ChoiceField(choices=ApiKey.Scope.choices)
    status = one_of(["active", "expired"])
    created_at = serializers.DateTimeField()
    expires_at = serializers.DateTimeField(allow_null=True)
    last_used_at = serializers.DateTimeField(allow_null=True)
    requests_per_minute = serializers.IntegerField(
        help_text="How many requests a minute it may make: its own limit, or the platform's."
    )
    token = serializers.CharField(allow_null=True, help_text="Returned only when the key is created.")

    @staticmethod
    def own(row: ApiKey) -> dict[str, Any]:
        """Return the key's values."""
        return {
            "id": str(row.uid),
            "name": row.name,
            "username": row.user.username,
            "prefix": row.prefix,
            "scope": row.scope,
            "status": "expired" if row.is_expired else "active",
            "created_at": moment(row.created_at),
            "expires_at": moment(row.expires_at),
            "last_used_at": moment(row.last_used_at),
            "requests_per_minute": limit_of(row),
            "token": getattr(row, "token", None),
        }


def _create(actor: Actor, **body: Any) -> ApiKey:
    key, token = issue_own_key(actor, **body)
    key.token = token  # type: ignore[attr-defined]  # for this one answer
    return key


class ApiKeysApi(ObjectApi):
    """API keys: one's own; owners also see those of their members."""

    model = ApiKey
    out = ApiKeyOut
    filterset_class = KeyFilter
    sorts = {"prefix": "prefix"}
    key = "uid"
    secrets = ("token",)
    create = Create(KEY_ISSUE, KeyBody, _create, immediate=True)
    delete = Action(KEY_REVOKE, immediate=True)

    def locked(self, row: ApiKey) -> None:
        """Lock the key's user, as every change of keys does first."""
        hold_user(row.user)

    def create_verb(self) -> Verb:
        """With a key another one is made."""
        return KEY_ISSUE if self.actor.api_key is None else KEY_DERIVE

    def visible(self, actor: Actor) -> QuerySet[ApiKey]:
        """Return the keys in view."""
        return visible_keys(actor)
