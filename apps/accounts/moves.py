"""Moving a resource to another project of its tenant, with what belongs to it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from apps.accounts.access import ensure_may
from apps.accounts.references import chosen_project
from apps.lifecycle import push
from apps.lifecycle.errors import Invalid
from apps.lifecycle.models import Operation, Resource
from apps.lifecycle.requests import Change
from apps.lifecycle.slots import Slot
from apps.lifecycle.verbs import Text


def _nothing(row: Any) -> QuerySet[Any]:
    return Resource.objects.none()


@dataclass(frozen=True)
class Moving:
    """belongings: rows that are always in the project of a resource of the kind. moves_with: why it moves not alone."""

    kind: str
    belongings: Callable[[Any], QuerySet[Any]] = _nothing
    moves_with: Text = ""


#: For kinds of which more is to be said than that a resource moves by itself.
moving: Slot[Moving] = Slot()


def move(change: Change[Resource], uid: UUID) -> None:
    """Move the resource. Raises Invalid (field "project") where it cannot be, Forbidden by the role held there."""
    row, actor = change.row, change.actor
    project = chosen_project(actor, uid)
    if project.pk == row.project_id:
        return
    said = [each for each in moving if each.kind == row.kind]
    if row.project_id is None or project.tenant_id != row.tenant_id:
        raise Invalid({"project": [_("Project not found.")]})
    if reason := next((each.moves_with for each in said if each.moves_with), ""):
        raise Invalid({"project": [str(reason)]})
    ensure_may(actor, change.verb, project.pk, row.tenant_id)
    left = (row.tenant_id, row.project_id)
    ids = [row.pk, *(pk for each in said for pk in each.belongings(row).values_list("pk", flat=True))]
    Resource.objects.filter(pk__in=ids).update(project=project, updated_at=timezone.now())
    # Pushes about what is under way go to pages of the new project.
    Operation.objects.open().filter(target_id__in=ids).update(target_project=project.pk)
    row.project = project
    change.record(args={"project": project.name})
    push.many_changed(row.kind, [left])
    push.resource_changed(row)
