"""Roles on single resources."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from rest_framework import serializers

from apps.accounts.models import ResourceUserObjectPermission, Role
from apps.accounts.selectors import visible_resource_roles
from apps.accounts.verbs import RESOURCE_ROLE_CREATE, RESOURCE_ROLE_DELETE
from apps.api.declarations import Action, Create
from apps.api.paging import CursorPages
from apps.api.representation import Out, ReferenceOut, TargetOut
from apps.api.views import ObjectApi
from apps.lifecycle.actor import Actor
from apps.tenancy.filters import ResourceRoleFilter
from apps.tenancy.services.holding import hold_user


class ResourceRoleBody(serializers.Serializer[Any]):
    member = serializers.UUIDField()
    resource = serializers.UUIDField()
    role = serializers.ChoiceField(choices=Role.choices)


class ResourceRoleOut(Out):
    id = serializers.UUIDField()
    member = ReferenceOut()
    resource = TargetOut()
    role = serializers.ChoiceField(choices=Role.choices)

    @staticmethod
    def own(row: Any) -> dict[str, Any]:
        """Return whose role it is, and on what."""
        resource = row.content_object
        return {
            "id": str(row.uid),
            "member": {"id": str(row.user.uid), "name": row.user.username},
            "resource": {"kind": resource.kind, "id": str(resource.pk), "name": resource.name},
            "role": row.role,
        }


class _Pages(CursorPages):
    ordering = ("-id",)


class ResourceRolesApi(ObjectApi):
    """Roles of members on single resources. A POST for a member and resource that have a role changes it."""

    model = ResourceUserObjectPermission
    out = ResourceRoleOut
    filterset_class = ResourceRoleFilter
    sorts = {"member": "user__username", "resource": "content_object__name"}
    pagination_class = _Pages
    key = "uid"
    create = Create(RESOURCE_ROLE_CREATE, ResourceRoleBody, immediate=True)
    delete = Action(RESOURCE_ROLE_DELETE, immediate=True)

    def locked(self, row: ResourceUserObjectPermission) -> None:
        """Lock the member, as every change of roles does first."""
        hold_user(row.user)

    def visible(self, actor: Actor) -> QuerySet[ResourceUserObjectPermission]:
        """Return the roles in view."""
        return visible_resource_roles(actor)
