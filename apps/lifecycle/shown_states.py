"""The state words of a kind with the condition of each, so that a list is narrowed by the words it shows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from django.db.models import Exists, OuterRef, Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import override

from apps.lifecycle.models import Operation, State
from apps.lifecycle.models.status import Status
from apps.lifecycle.verbs import Text, Verb, all_verbs


@dataclass(frozen=True)
class ShownState:
    """A word of `state_label`, and which rows show it.

    code: what stands for it in URLs: the API's status where that is one word, else the action of the verb.
    status: the API's status, which several words may share.
    """

    code: str
    word: Text
    condition: Q
    status: str = ""


def shown_states(model: Any, kind: str) -> list[ShownState]:
    """Return every word that rows of a kind can show: those at rest, those of running operations, and "Failed".

    A kind with words of its own has `ready_states()` and `pending_states()`, as it has `ready_word()` and
    `pending_word()`. kind: "*" stands for all kinds, "" for a kind that has no operations.
    """
    ready = model.ready_states() if hasattr(model, "ready_states") else [_AVAILABLE]
    moving = _moving(kind)
    if hasattr(model, "pending_states"):
        pending = _at_rest(model.pending_states(), State.PENDING)
    else:
        pending, moving = _creating(moving)
    return [*_at_rest(ready, State.READY), *pending, *moving, *_at_rest([_FAILED], State.ERROR)]


_AVAILABLE = ShownState(Status.AVAILABLE, _("Available"), Q())
_CREATING = ShownState(Status.CREATING, _("Creating"), Q())
_FAILED = ShownState(Status.FAILED, _("Failed"), Q())


def _running(**which: Any) -> Q:
    found = Operation.objects.open().filter(resource=OuterRef("pk"), exclusive=True, **which)
    return Q(Exists(found))


def _at_rest(states: Sequence[ShownState], stored: State) -> list[ShownState]:
    resting = Q(state=stored) & ~_running()
    return [replace(each, condition=resting & each.condition) for each in states]


def _moving(kind: str) -> list[ShownState]:
    """Return the words of verbs under way; several verbs may share one ("Creating": create and retry)."""
    words: dict[str, list[Verb]] = {}
    with override(None):
        for verb in _verbs_of(kind):
            words.setdefault(str(verb.doing), []).append(verb)
    shared = Counter(verbs[0].status for verbs in words.values())
    return [
        ShownState(
            verbs[0].action if shared[verbs[0].status] > 1 else verbs[0].status,
            verbs[0].doing,
            _running(verb__in=[verb.name for verb in verbs]),
            verbs[0].status,
        )
        for verbs in words.values()
    ]


def _verbs_of(kind: str) -> list[Verb]:
    """Return the verbs that take a resource's one place for an operation."""
    verbs = [verb for verb in all_verbs() if verb.exclusive]
    if kind != "*":
        return [verb for verb in verbs if verb.kind == kind]
    # What is changed at once (regions, members) is no resource, and has no status of its own.
    kinds = {verb.kind for verb in verbs if verb.status != Status.UPDATING}
    return [verb for verb in verbs if verb.kind in kinds]


def _creating(moving: list[ShownState]) -> tuple[list[ShownState], list[ShownState]]:
    """Add what has no running operation and is not there yet to the word for making it, or to one of its own."""
    waiting = _at_rest([_CREATING], State.PENDING)[0]
    if not any(each.code == waiting.code for each in moving):
        return [waiting], moving
    return [], [
        replace(each, condition=each.condition | waiting.condition) if each.code == waiting.code else each
        for each in moving
    ]
