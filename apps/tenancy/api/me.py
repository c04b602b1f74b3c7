"""Who the caller is."""

from __future__ import annotations

from typing import Any, cast

from django.conf import settings
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from apps.accounts.access import visible_projects
from apps.accounts.models import ApiKey, User
from apps.accounts.preferences import THEMES
from apps.api import limits
from apps.api.base import ApiView
from apps.api.bodies import LineField
from apps.api.conditional import ensure_unchanged, with_etag
from apps.api.parameters import UNCHANGED, UNLESS_CHANGED, UNLESS_KNOWN
from apps.api.problem_out import PROBLEM
from apps.api.representation import ReferenceOut
from apps.api.transactions import answered_in_one_transaction
from apps.api.vocabulary import one_of
from apps.lifecycle.actor import Actor
from apps.tenancy.services.holding import hold_user
from apps.tenancy.services.preferences import set_preferences
from apps.tenancy.services.profile import MAX_FULL_NAME, edit_profile

#: In which the pages come.
LANGUAGES = [code for code, _name in settings.LANGUAGES]


class MeOut(serializers.Serializer[Any]):
    username = serializers.CharField()
    name = serializers.CharField(help_text="The full name; may be empty.")
    email = serializers.CharField()
    is_platform_admin = serializers.BooleanField()
    is_tenant_owner = serializers.BooleanField()
    tenant = ReferenceOut(allow_null=True)
    projects = ReferenceOut(many=True)
    api_key = serializers.CharField(allow_null=True, help_text="Name of the API key used.")
    language = one_of(["", *LANGUAGES], help_text="For the portal; empty for the browser default.")
    time_zone = serializers.CharField(help_text="For the portal; empty for the browser default.")
    theme = one_of(["", *THEMES], help_text="For the portal; empty for the system default.")
    scope = one_of(
        [*ApiKey.Scope.values, "session"], help_text="Scope of the API key; “session” without a key."
    )


class ProfileBody(serializers.Serializer[Any]):
    """For language, time zone and appearance, an empty string means the browser default."""

    name = LineField(required=False, allow_blank=True, max_length=MAX_FULL_NAME)
    email = serializers.EmailField(max_length=limits.EMAIL, required=False, allow_blank=True)
    language = one_of(["", *LANGUAGES], required=False, allow_blank=True, help_text="Empty: browser default.")
    time_zone = serializers.CharField(
        max_length=limits.WORD, required=False, allow_blank=True, help_text="For example Asia/Shanghai."
    )
    theme = one_of(THEMES, required=False)


class Me(ApiView):
    """The caller: account, tenant, projects in view, and the key used."""

    conditional = frozenset({"patch"})

    @extend_schema(
        operation_id="get_me",
        tags=["Me"],
        summary="Current user",
        parameters=[UNLESS_KNOWN],
        responses={200: MeOut, 304: UNCHANGED, 422: PROBLEM},
    )
    def get(self, request: Request) -> Response:
        """Return the user of the current credentials."""
        actor = cast(Actor, request._request.actor)  # type: ignore[attr-defined]
        return with_etag(request, self._answer(actor, actor.user))

    @extend_schema(
        operation_id="change_me",
        tags=["Me"],
        summary="Change own name, email, language, time zone and appearance",
        request=ProfileBody,
        parameters=[UNLESS_CHANGED],
        responses={200: MeOut, 412: PROBLEM, 422: PROBLEM},
    )
    @answered_in_one_transaction
    def patch(self, request: Request) -> Response:
        """Change the given fields."""
        body = self.read(ProfileBody)
        actor = cast(Actor, request._request.actor)  # type: ignore[attr-defined]
        user = actor.user
        assert user is not None, "only who is logged in gets here"
        ensure_unchanged(
            request, lambda: hold_user(user), lambda: self._answer(actor, User.objects.get(pk=user.pk))
        )
        given = dict(body)
        profile = {name: given.pop(name) for name in ("name", "email") if name in given}
        if profile:
            edit_profile(actor, **profile)
        return with_etag(request, self._answer(actor, set_preferences(actor, **given)))

    def _answer(self, actor: Actor, user: User | None) -> Response:
        assert user is not None, "only who is logged in gets here"
        projects = visible_projects(actor) if actor.tenant else []
        return Response(
            {
                "username": user.username,
                "name": user.first_name,
                "email": user.email,
                "is_platform_admin": user.is_platform_admin,
                "is_tenant_owner": user.is_tenant_owner,
                "tenant": {"id": str(actor.tenant.uid), "name": actor.tenant.name} if actor.tenant else None,
                "projects": [{"id": str(p.uid), "name": p.name} for p in projects],
                "api_key": actor.api_key.name if actor.api_key else None,
                "language": user.language,
                "time_zone": user.time_zone,
                "theme": user.theme,
                "scope": actor.api_key.scope if actor.api_key else "session",
            }
        )
