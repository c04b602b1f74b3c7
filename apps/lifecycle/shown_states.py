"""The state words of a kind with the condition of each, so that a list is narrowed by the words it shows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import Exists, OuterRef, Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import override

from apps.lifecycle.models import Operation, State
from apps.lifecycle.verbs import Text, Verb, all_verbs


@dataclass(frozen=True)
class ShownState:
    """A word of `state_label`, and which rows show it. code: what stands for it in URLs."""

    code: str
    word: Text
    condition: Q


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


_AVAILABLE = ShownState("available", _("Available"), Q())
_CREATING = ShownState("create", _("Creating"), Q())
_FAILED = ShownState("failed", _("Failed"), Q())
#: Actions whose word is also shown of what waits for them.
_MAKES = frozenset({"create", "import"})


def _running(**which: Any) -> Q:
    found = Operation.objects.open().filter(resource=OuterRef("pk"), exclusive=True, **which)
    return Q(Exists(found))


def _at_rest(states: Sequence[ShownState], stored: State) -> list[ShownState]:
    resting = Q(state=stored) & ~_running()
    return [ShownState(each.code, each.word, resting & each.condition) for each in states]


def _moving(kind: str) -> list[ShownState]:
    """Return the words of verbs under way; several verbs may share one ("Creating": create and retry)."""
    words: dict[str, list[Verb]] = {}
    with override(None):
        for verb in all_verbs():
            if verb.exclusive and (verb.kind == kind or kind == "*"):
                words.setdefault(str(verb.doing), []).append(verb)
    return [
        ShownState(verbs[0].action, verbs[0].doing, _running(verb__in=[verb.name for verb in verbs]))
        for verbs in words.values()
    ]


def _creating(moving: list[ShownState]) -> tuple[list[ShownState], list[ShownState]]:
    """Add what has no running operation and is not there yet to the word for making it, or to one of its own."""
    waiting = _at_rest([_CREATING], State.PENDING)[0]
    if not any(each.code in _MAKES for each in moving):
        return [waiting], moving
    return [], [
        ShownState(each.code, each.word, each.condition | waiting.condition) if each.code in _MAKES else each
        for each in moving
    ]
