"""Platform admins."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from rest_framework import serializers

from apps.accounts.models import User
from apps.accounts.selectors import visible_admins
from apps.accounts.verbs import (
    ADMIN_ACTIVATE,
    ADMIN_CREATE,
    ADMIN_DEACTIVATE,
    ADMIN_END_SESSIONS,
    ADMIN_REMOVE,
    ADMIN_RESET_PASSWORD,
    ADMIN_RESET_TWO_FACTOR,
    ADMIN_UNLINK,
)
from apps.api import limits
from apps.api.declarations import Action, Create
from apps.api.representation import Out, moment
from apps.api.views import ObjectApi
from apps.api.vocabulary import one_of
from apps.lifecycle.actor import Actor
from apps.tenancy.api.users import UserPages, shown_password, with_password
from apps.tenancy.filters import UserFilter
from apps.tenancy.services import admins
from apps.tenancy.services.holding import hold_admins


class AdminBody(serializers.Serializer[Any]):
    username = serializers.CharField(max_length=63)
    email = serializers.EmailField(max_length=limits.EMAIL, required=False, allow_blank=True, default="")


class AdminOut(Out):
    id = serializers.UUIDField()
    username = serializers.CharField()
    email = serializers.CharField()
    status = one_of(["active", "inactive"])
    is_active = serializers.BooleanField()
    must_change_password = serializers.BooleanField()
    created_at = serializers.DateTimeField()
    last_log_in = serializers.DateTimeField(allow_null=True)
    password = serializers.CharField(
        allow_null=True, help_text="Returned only when the account is created or its password reset."
    )

    @staticmethod
    def own(row: User) -> dict[str, Any]:
        """Return the account's values."""
        return {
            "id": str(row.uid),
            "username": row.username,
            "email": row.email,
            "status": "active" if row.is_active else "inactive",
            "is_active": row.is_active,
            "must_change_password": row.must_change_password,
            "created_at": moment(row.date_joined),
            "last_log_in": moment(row.last_login),
            "password": shown_password(row),
        }


def _create(actor: Actor, **body: Any) -> User:
    return with_password(*admins.create_admin(actor, **body))


def _reset(actor: Actor, user: User) -> User:
    return with_password(user, admins.reset_admin_password(actor, user))


class AdminsApi(ObjectApi):
    """Accounts that run the platform. For administrators only."""

    model = User
    out = AdminOut
    filterset_class = UserFilter
    pagination_class = UserPages
    key = "uid"
    secrets = ("password",)
    create = Create(ADMIN_CREATE, AdminBody, _create, immediate=True)
    delete = Action(ADMIN_REMOVE, immediate=True)
    actions = (
        Action(ADMIN_ACTIVATE, immediate=True),
        Action(ADMIN_DEACTIVATE, immediate=True),
        Action(ADMIN_RESET_PASSWORD, adapter=_reset, immediate=True, bulk=False),
        Action(ADMIN_RESET_TWO_FACTOR, immediate=True, bulk=False),
        Action(ADMIN_UNLINK, immediate=True, bulk=False),
        Action(ADMIN_END_SESSIONS, immediate=True, bulk=False),
    )

    def locked(self, row: User) -> None:
        """Lock all administrators, in the order of the services that need another one."""
        hold_admins(row)

    def visible(self, actor: Actor) -> QuerySet[User]:
        """Return the admins in view."""
        return visible_admins(actor)
