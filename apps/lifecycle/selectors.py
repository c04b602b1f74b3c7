"""Reading operations and resources for lists."""

from __future__ import annotations

from typing import TypeVar

from django.db.models import Prefetch, QuerySet

from apps.lifecycle.actor import Actor
from apps.lifecycle.models import Operation, Resource

R = TypeVar("R", bound=Resource)


def with_open_operations(queryset: QuerySet[R]) -> QuerySet[R]:
    """Prefetch what words and possibilities need: one more query per page, none per row."""
    running = Operation.objects.open().filter(exclusive=True)
    return queryset.prefetch_related(Prefetch("operations", queryset=running, to_attr="open_operations"))


def visible_operations(actor: Actor) -> QuerySet[Operation]:
    """Return the operations of the actor's tenant; an admin as such sees all."""
    if actor.is_admin and actor.tenant is None:
        return Operation.objects.all()
    if actor.tenant is None:
        return Operation.objects.none()
    return Operation.objects.filter(tenant=actor.tenant)
