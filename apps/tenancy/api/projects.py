"""Projects of a tenant."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from rest_framework import serializers

from apps.accounts.access import visible_projects
from apps.accounts.models import Project
from apps.accounts.verbs import PROJECT_CREATE, PROJECT_DELETE, PROJECT_EDIT
from apps.api.bodies import Labels, LineField
from apps.api.declarations import Action, Create, Update
from apps.api.representation import Out, ReferenceOut, moment
from apps.api.views import ObjectApi
from apps.lifecycle.actor import Actor
from apps.tenancy.api.tenants import named_tenant
from apps.tenancy.filters import ProjectFilter
from apps.tenancy.services import projects


class ProjectBody(serializers.Serializer[Any]):
    name = LineField(max_length=63)
    description = LineField(max_length=255, required=False, allow_blank=True, default="")
    tenant = serializers.UUIDField(
        required=False,
        allow_null=True,
        default=None,
        help_text="For administrators; otherwise the own tenant.",
    )


class ProjectOut(Out):
    id = serializers.UUIDField()
    name = serializers.CharField()
    description = serializers.CharField()
    is_default = serializers.BooleanField()
    tenant = ReferenceOut()
    created_at = serializers.DateTimeField()

    @staticmethod
    def own(row: Project) -> dict[str, Any]:
        """Return the project's values."""
        return {
            "id": str(row.uid),
            "name": row.name,
            "description": row.description,
            "is_default": row.is_default,
            "tenant": {"id": str(row.tenant.uid), "name": row.tenant.name},
            "created_at": moment(row.created_at),
        }


def _create(actor: Actor, *, tenant: UUID | None, name: str, description: str) -> Project:
    return projects.create_project(actor, named_tenant(actor, tenant), name, description=description)


class ProjectsApi(ObjectApi):
    """Projects (business groups) divide a tenant's resources. Members have a role per project."""

    model = Project
    out = ProjectOut
    filterset_class = ProjectFilter
    key = "uid"
    create = Create(PROJECT_CREATE, ProjectBody, _create, immediate=True)
    update = Update(PROJECT_EDIT, Labels, immediate=True)
    delete = Action(PROJECT_DELETE, immediate=True)

    def visible(self, actor: Actor) -> QuerySet[Project]:
        """Return the projects in view."""
        return visible_projects(actor).select_related("tenant")
