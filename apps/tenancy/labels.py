"""Changing what a resource is called: the one change that every kind shares and no backend needs to hear of."""

from __future__ import annotations

from typing import TypeVar

from django.db import transaction
from django.utils import timezone

from apps.audit.record import record
from apps.lifecycle import push
from apps.lifecycle.actor import Actor
from apps.lifecycle.models import Resource
from apps.lifecycle.verbs import Verb
from apps.tenancy.access import begin
from apps.tenancy.lines import clean_line

R = TypeVar("R", bound=Resource)
MAX_NAME, MAX_REMARK = 63, 255


@transaction.atomic
def relabel(
    actor: Actor, verb: Verb, resource: R, *, name: str | None = None, remark: str | None = None
) -> R:
    """Set name and remark where given; return the resource. Raises what `begin` raises, and Invalid."""
    resource = begin(actor, verb, resource)
    changes = {}
    if name is not None:
        changes["name"] = clean_line("name", name, MAX_NAME, blank=False)
    if remark is not None:
        changes["remark"] = clean_line("remark", remark, MAX_REMARK)
    changes = {field: value for field, value in changes.items() if getattr(resource, field) != value}
    if changes:
        Resource.objects.filter(pk=resource.pk).update(**changes, updated_at=timezone.now())
        for field, value in changes.items():
            setattr(resource, field, value)
        record(actor, verb.name, resource, args=changes)
        push.resource_changed(resource)
    return resource


def clean_labels(name: str, remark: str = "") -> tuple[str, str]:
    """Return name and remark as they are stored. Raises Invalid."""
    return (
        clean_line("name", name, MAX_NAME, blank=False),
        clean_line("remark", remark, MAX_REMARK),
    )
