"""Narrowing lists of resources by the status that their rows show (apps/lifecycle/status.py)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import reduce
from operator import or_

from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from apps.api.filter_fields import Choices
from apps.lifecycle.models import Operation, State
from apps.lifecycle.models.status import Status
from apps.lifecycle.verbs import all_verbs

#: Of resources on which no operation runs; a kind with words of its own adds them.
AT_REST: Mapping[Status, Q] = {
    Status.CREATING: Q(state=State.PENDING),
    Status.AVAILABLE: Q(state=State.READY),
    Status.FAILED: Q(state=State.ERROR),
    Status.RECYCLED: Q(state=State.RECYCLED),
}


def status_filter(resting: Mapping[Status, Q] | None = None) -> Choices:
    """Return the filter of a kind; `resting`: conditions of its own statuses, in place of the shared ones."""
    conditions = {**AT_REST, **(resting or {})}

    def where(values: Sequence[str]) -> Q:
        running = Operation.objects.open().filter(exclusive=True)
        verbs = [verb.name for verb in all_verbs() if verb.exclusive and verb.status in values]
        doing = Q(pk__in=running.filter(verb__in=verbs, resource__isnull=False).values("resource"))
        wanted = [condition for status, condition in conditions.items() if status in values]
        if not wanted:
            return doing
        busy = Q(pk__in=running.filter(resource__isnull=False).values("resource"))
        return doing | (reduce(or_, wanted) & ~busy)

    return Choices(_("Status"), where=where, choices=Status.choices)
