"""Which project something new goes to."""

from __future__ import annotations

from uuid import UUID

from django.utils.translation import gettext as _

from apps.accounts.access import visible_projects
from apps.accounts.models import Project
from apps.lifecycle.actor import Actor
from apps.lifecycle.errors import Invalid


def chosen_project(actor: Actor, uid: UUID | None) -> Project:
    """Return the project named, or the first the actor may create in: the default one, if that is among them.

    Raises Invalid (field "project") when there is none, or when an admin as such named none.
    """
    if uid is None and actor.tenant is None:
        raise Invalid({"project": [_("Specify a project.")]})
    projects = visible_projects(actor, "view" if uid else "manage").select_related("tenant")
    found = (projects.filter(uid=uid) if uid else projects).first()
    if found is None:
        raise Invalid({"project": [_("Project not found.")]})
    return found
