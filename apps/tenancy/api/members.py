"""Sub-accounts of a tenant."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.utils.translation import gettext as _
from rest_framework import serializers

from apps.accounts.models import Project, Role, Tenant, User
from apps.accounts.selectors import held_roles, visible_members, with_grants
from apps.accounts.verbs import (
    MEMBER_ACTIVATE,
    MEMBER_CREATE,
    MEMBER_DEACTIVATE,
    MEMBER_END_SESSIONS,
    MEMBER_REMOVE,
    MEMBER_RESET_PASSWORD,
    MEMBER_RESET_TWO_FACTOR,
    MEMBER_SET_OWNER,
    MEMBER_SET_ROLE,
    MEMBER_UNLINK,
)
from apps.api import limits
from apps.api.declarations import Action, Create
from apps.api.representation import Out, ReferenceOut, moment
from apps.api.views import ObjectApi
from apps.api.vocabulary import one_of
from apps.lifecycle.actor import Actor
from apps.lifecycle.errors import Invalid
from apps.tenancy.api.tenants import named_tenant
from apps.tenancy.api.users import UserPages, shown_password, with_password
from apps.tenancy.filters import MemberFilter
from apps.tenancy.services import members
from apps.tenancy.services.holding import hold_with_owners
from apps.tenancy.services.links import shown_links


class MemberBody(serializers.Serializer[Any]):
    username = serializers.CharField(max_length=63)
    email = serializers.EmailField(max_length=limits.EMAIL, required=False, allow_blank=True, default="")
    project = serializers.UUIDField(
        required=False,
        allow_null=True,
        default=None,
        help_text="If omitted, a new separate project is created.",
    )
    role = serializers.ChoiceField(
        choices=Role.choices,
        allow_null=True,
        default=Role.MANAGER,
        help_text="null: no role in any project; grant roles on single resources afterwards.",
    )
    tenant = serializers.UUIDField(
        required=False,
        allow_null=True,
        default=None,
        help_text="For administrators; otherwise the own tenant.",
    )


class RoleBody(serializers.Serializer[Any]):
    project = serializers.UUIDField()
    role = serializers.ChoiceField(choices=Role.choices, allow_null=True, help_text="null removes the role.")


class OwnerBody(serializers.Serializer[Any]):
    owner = serializers.BooleanField()


class MemberRoleOut(serializers.Serializer[Any]):
    project = ReferenceOut()
    role = serializers.ChoiceField(choices=Role.choices)


class LinkedLogInOut(serializers.Serializer[Any]):
    provider = serializers.CharField()
    known_as = serializers.CharField()
    since = serializers.DateTimeField()


class MemberOut(Out):
    id = serializers.UUIDField()
    username = serializers.CharField()
    email = serializers.CharField()
    tenant = ReferenceOut()
    is_owner = serializers.BooleanField()
    status = one_of(["active", "inactive"])
    is_active = serializers.BooleanField()
    must_change_password = serializers.BooleanField()
    linked_log_ins = LinkedLogInOut(many=True, help_text="Linked OpenID Connect logins.")
    roles = MemberRoleOut(many=True)
    created_at = serializers.DateTimeField()
    last_log_in = serializers.DateTimeField(allow_null=True)
    password = serializers.CharField(
        allow_null=True, help_text="Returned only when the member is created or the password reset."
    )

    @staticmethod
    def own(row: User) -> dict[str, Any]:
        """Return the member's values."""
        assert row.tenant is not None
        return {
            "id": str(row.uid),
            "username": row.username,
            "email": row.email,
            "tenant": {"id": str(row.tenant.uid), "name": row.tenant.name},
            "is_owner": row.is_tenant_owner,
            "status": "active" if row.is_active else "inactive",
            "is_active": row.is_active,
            "must_change_password": row.must_change_password,
            "linked_log_ins": [
                {"provider": each.label, "known_as": each.known_as, "since": moment(each.since)}
                for each in shown_links(row)
            ],
            "roles": [
                {"project": {"id": str(project.uid), "name": project.name}, "role": str(role)}
                for project, role in held_roles(row).items()
            ],
            "created_at": moment(row.date_joined),
            "last_log_in": moment(row.last_login),
            "password": shown_password(row),
        }


def _create(
    actor: Actor, *, tenant: UUID | None, project: UUID | None, role: str | None, **body: Any
) -> User:
    owner = named_tenant(actor, tenant)
    given = Role(role) if role else None
    user, password = members.create_member(
        actor, owner, body.pop("username"), project=_project(owner, project), role=given, **body
    )
    return with_password(user, password)


def _reset(actor: Actor, user: User) -> User:
    return with_password(user, members.reset_member_password(actor, user))


def _set_role(actor: Actor, user: User, *, project: UUID, role: str | None) -> User:
    assert user.tenant is not None
    found = _project(user.tenant, project)
    assert found is not None
    members.set_role(actor, user, found, Role(role) if role else None)
    return with_grants(User.objects.select_related("tenant")).get(pk=user.pk)


def _project(tenant: Tenant, uid: UUID | None) -> Project | None:
    if uid is None:
        return None
    found = Project.objects.filter(tenant=tenant, uid=uid).first()
    if found is None:
        raise Invalid({"project": [_("Project not found.")]})
    return found


class MembersApi(ObjectApi):
    """Users of a tenant: owners, and members with a role per project."""

    model = User
    out = MemberOut
    filterset_class = MemberFilter
    pagination_class = UserPages
    key = "uid"
    secrets = ("password",)
    create = Create(MEMBER_CREATE, MemberBody, _create, immediate=True)
    delete = Action(MEMBER_REMOVE, immediate=True)
    actions = (
        Action(MEMBER_SET_ROLE, RoleBody, _set_role, immediate=True),
        Action(MEMBER_SET_OWNER, OwnerBody, immediate=True),
        Action(MEMBER_ACTIVATE, immediate=True),
        Action(MEMBER_DEACTIVATE, immediate=True),
        Action(MEMBER_RESET_PASSWORD, adapter=_reset, immediate=True, bulk=False),
        Action(MEMBER_RESET_TWO_FACTOR, immediate=True, bulk=False),
        Action(MEMBER_UNLINK, immediate=True, bulk=False),
        Action(MEMBER_END_SESSIONS, immediate=True, bulk=False),
    )

    def locked(self, row: User) -> None:
        """Lock the member with the owners, in the order of the services that need another owner."""
        hold_with_owners(row)

    def visible(self, actor: Actor) -> QuerySet[User]:
        """Return the members in view."""
        return with_grants(visible_members(actor)).prefetch_related("socialaccount_set")
