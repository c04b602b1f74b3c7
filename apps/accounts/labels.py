"""Changing what a resource is called and which project it is in: what every kind shares and no backend needs."""

from __future__ import annotations

from uuid import UUID

from django.utils import timezone

from apps.accounts.moves import move
from apps.accounts.single_line import clean_line
from apps.lifecycle import push
from apps.lifecycle.models import Resource
from apps.lifecycle.requests import Change

MAX_NAME, MAX_DESCRIPTION = 63, 255


def relabel(
    change: Change[Resource],
    name: str | None = None,
    description: str | None = None,
    project: UUID | None = None,
) -> Resource:
    """Set name, description and project where given; return the resource. Raises Invalid, Forbidden or NotNow."""
    resource, changes = change.row, {}
    if name is not None:
        changes["name"] = clean_line("name", name, MAX_NAME, blank=False)
    if description is not None:
        changes["description"] = clean_line("description", description, MAX_DESCRIPTION)
    changes = {field: value for field, value in changes.items() if getattr(resource, field) != value}
    if changes:
        Resource.objects.filter(pk=resource.pk).update(**changes, updated_at=timezone.now())
        for field, value in changes.items():
            setattr(resource, field, value)
        change.record(args=changes)
        push.resource_changed(resource)
    if project is not None:
        move(change, project)
    return resource


def clean_labels(name: str, description: str = "") -> tuple[str, str]:
    """Return name and description as they are stored. Raises Invalid."""
    return (
        clean_line("name", name, MAX_NAME, blank=False),
        clean_line("description", description, MAX_DESCRIPTION),
    )
