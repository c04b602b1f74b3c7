"""What an actor may do with many rows at once: the role is read once, then judged without a query per row.

`access.may` is the rule a service enforces; this answers the same for lists, buttons and `allowed_actions`.
"""

from __future__ import annotations

from functools import cached_property
from uuid import UUID

from django.utils.translation import gettext as _

from apps.accounts.access import GRANTED_PERMISSIONS, decided_without_grants
from apps.accounts.acting import refused_to_administrator
from apps.accounts.models import ProjectUserObjectPermission, ResourceUserObjectPermission
from apps.accounts.selectors import runs_tenant
from apps.lifecycle.actor import Actor
from apps.lifecycle.errors import Forbidden
from apps.lifecycle.legality import Possibility, open_operation, possibility
from apps.lifecycle.models import Resource
from apps.lifecycle.verbs import Verb, verbs_of


class Rights:
    """An actor's role, read at most once."""

    def __init__(self, actor: Actor) -> None:
        self.actor = actor
        self._verbs_of: dict[str, list[Verb]] = {}
        self._covered: dict[tuple[str, int | None, int | None], bool] = {}

    @property
    def everywhere(self) -> bool:
        """Whether this is an admin as such, who sees every tenant."""
        return self.actor.is_system or (self.actor.is_admin and self.actor.tenant is None)

    def covers(
        self, verb: Verb, project_id: int | None, tenant_id: int | None, resource_id: UUID | None = None
    ) -> bool:
        """Whether the role allows the verb in that project of that tenant, or on that one resource."""
        return self._in_project(verb, project_id, tenant_id) or (
            resource_id is not None and not verb.creates and self._on_resource(verb, tenant_id, resource_id)
        )

    def covers_row(self, verb: Verb, row: Resource) -> bool:
        """Whether the role allows the verb on the resource."""
        return self.covers(verb, row.project_id, row.tenant_id, row.pk)

    def sees(self, row: Resource) -> bool:
        """Whether the actor may open the resource's page, and not only read its name where a neighbour shows it."""
        if self.everywhere:
            return True
        if self.actor.tenant is None or self.actor.tenant.pk != row.tenant_id:
            return row.tenant_id is None
        if row.project_id is None or runs_tenant(self.actor):
            return True
        wanted = GRANTED_PERMISSIONS["view"]
        return (row.project_id, wanted) in self._grants or (row.pk, wanted) in self._resource_grants

    def _in_project(self, verb: Verb, project_id: int | None, tenant_id: int | None) -> bool:
        key = (verb.name, project_id, tenant_id)
        if key not in self._covered:
            self._covered[key] = self._decide(verb, project_id, tenant_id)
        return self._covered[key]

    def _decide(self, verb: Verb, project_id: int | None, tenant_id: int | None) -> bool:
        decided = decided_without_grants(self.actor, verb, tenant_id)
        if decided is not None:
            return decided
        return (project_id, GRANTED_PERMISSIONS.get(verb.permission)) in self._grants

    def _on_resource(self, verb: Verb, tenant_id: int | None, resource_id: UUID) -> bool:
        # Who is decided about without grants has been refused before this is asked.
        if decided_without_grants(self.actor, verb, tenant_id) is not None:
            return False
        return (resource_id, GRANTED_PERMISSIONS.get(verb.permission)) in self._resource_grants

    def actions(self, resource: Resource) -> list[Possibility]:
        """Judge every verb of the resource's kind: role first, then state. Verbs for admins only are left out."""
        running = open_operation(resource)
        verbs = self._verbs(resource.kind)
        return [
            possibility(verb, resource, running)
            if self.covers_row(verb, resource)
            else Possibility(verb, Forbidden.code, self.why_not(verb))
            for verb in verbs
        ]

    def why_not(self, verb: Verb) -> str:
        """Return why the role does not cover a verb, for people."""
        return refused_to_administrator(self.actor, verb) or _("Your role does not allow this.")

    def may_somewhere(self, verb: Verb) -> bool:
        """Whether the role allows a verb anywhere at all: for the button, not for the service.

        What is new stands in a project, so that a role on a single resource counts for other verbs only.
        """
        if self.actor.tenant is None:
            return self.everywhere
        if self.covers(verb, None, self.actor.tenant.pk):
            return True
        wanted = GRANTED_PERMISSIONS.get(verb.permission)
        if verb.permission == "admin":
            return False
        if any(codename == wanted for _project, codename in self._grants):
            return True
        if not verb.on_resource or verb.creates:
            return False
        return any(codename == wanted for _id, codename in self._resource_grants)

    def _verbs(self, kind: str) -> list[Verb]:
        if kind not in self._verbs_of:
            self._verbs_of[kind] = [
                verb for verb in verbs_of(kind) if verb.permission != "admin" or self.everywhere
            ]
        return self._verbs_of[kind]

    @cached_property
    def _grants(self) -> set[tuple[int | None, str | None]]:
        rows = ProjectUserObjectPermission.objects.filter(
            user=self.actor.user, content_object__tenant=self.actor.tenant
        )
        return set(rows.values_list("content_object_id", "permission__codename"))

    @cached_property
    def _resource_grants(self) -> set[tuple[UUID, str]]:
        rows = ResourceUserObjectPermission.objects.filter(
            user=self.actor.user, content_object__tenant=self.actor.tenant
        )
        return set(rows.values_list("content_object_id", "permission__codename"))
