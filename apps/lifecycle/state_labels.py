"""The state words a user sees, derived, never stored: a word that is not stored cannot get stuck."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils.translation import gettext_lazy as _

from apps.lifecycle.legality import open_operation
from apps.lifecycle.models import Operation, Resource, State
from apps.lifecycle.stored_messages import rendered_message
from apps.lifecycle.verbs import Text, verb_named


@dataclass(frozen=True)
class StateLabel:
    """A state as shown: `tone` is one of ok, busy, off, error, warn; `reason` explains, `percent` is progress.

    since: when what is running was requested.
    """

    word: Text
    tone: str
    reason: str = ""
    percent: int | None = None
    code: str = ""
    since: datetime | None = None


_WORDS = {
    State.PENDING: (_("Creating"), "busy"),
    State.READY: (_("Available"), "ok"),
    State.ERROR: (_("Failed"), "error"),
    State.RECYCLED: (_("Recycled"), "off"),
}


def state_label(resource: Any) -> StateLabel:
    """Return what to show for a resource; a kind with words of its own has `ready_word()`, `pending_word()`."""
    running = open_operation(resource)
    if running is not None:
        return _running(running, resource)
    if resource.state == State.READY and hasattr(resource, "ready_word"):
        word: StateLabel = resource.ready_word()
        return word
    if resource.state == State.PENDING and hasattr(resource, "pending_word"):
        waiting: StateLabel = resource.pending_word()
        return waiting
    word_text, tone = _WORDS[State(resource.state)]
    return StateLabel(
        word_text, tone, reason=rendered_message(resource.error, "message"), code=resource.state
    )


def _running(operation: Operation, resource: Resource) -> StateLabel:
    verb = verb_named(operation.verb)
    last = rendered_message(operation.steps[-1]) if operation.steps else ""
    return StateLabel(
        verb.doing,
        "busy",
        reason=last,
        percent=operation.progress or None,
        code=verb.name,
        since=operation.created_at,
    )
