"""Narrowing lists of resources by the status that their rows show (apps/lifecycle/status.py)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import reduce
from operator import or_
from typing import Any

from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from apps.api.filter_fields import Choices
from apps.lifecycle.models import Operation, State
from apps.lifecycle.models.status import Status
from apps.lifecycle.verbs import Text, all_verbs

#: Of resources on which no operation runs.
AT_REST: Mapping[str, Q] = {
    Status.CREATING: Q(state=State.PENDING),
    Status.AVAILABLE: Q(state=State.READY),
    Status.FAILED: Q(state=State.ERROR),
    Status.RECYCLED: Q(state=State.RECYCLED),
}


def status_filter(model: Any = None) -> Choices:
    """Return the filter of a kind; `model`: of one with words of its own (`ready_states()`, `pending_states()`)."""

    def where(values: Sequence[str]) -> Q:
        conditions = _at_rest(model)
        running = Operation.objects.open().filter(exclusive=True)
        verbs = [verb.name for verb in all_verbs() if verb.exclusive and verb.status in values]
        doing = Q(pk__in=running.filter(verb__in=verbs, resource__isnull=False).values("resource"))
        wanted = [condition for status, condition in conditions.items() if status in values]
        if not wanted:
            return doing
        busy = Q(pk__in=running.filter(resource__isnull=False).values("resource"))
        return doing | (reduce(or_, wanted) & ~busy)

    # Ordered by the stored state, as lists of the pages are.
    return Choices(_("Status"), "state", where=where, choices=Status.choices)


def derived_status(
    conditions: Callable[[], Mapping[str, Q]], choices: Sequence[tuple[str, Text]], on: str = ""
) -> Choices:
    """Return the filter of what is no resource, by the condition of each status; `on`: a path lists order by."""

    def where(values: Sequence[str]) -> Q:
        known = conditions()
        return reduce(or_, (known[value] for value in values), Q(pk__in=[]))

    return Choices(_("State"), on, where=where, choices=choices)


def _at_rest(model: Any) -> Mapping[str, Q]:
    found = dict(AT_REST)
    for words, status, stored in (
        ("ready_states", Status.AVAILABLE, State.READY),
        ("pending_states", Status.CREATING, State.PENDING),
    ):
        if hasattr(model, words):
            del found[status]
            found |= {each.code: Q(state=stored) & each.condition for each in getattr(model, words)()}
    return found
