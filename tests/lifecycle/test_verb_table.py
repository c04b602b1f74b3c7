"""What docs/concepts/operations.md says of every verb that workers carry out is what the verb table says."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from django.conf import settings

from apps.lifecycle.handlers import _discover, _handlers
from apps.lifecycle.verbs import Cancel, Verb, all_verbs, verb_named

PAGE = Path(settings.BASE_DIR) / "docs" / "concepts" / "operations.md"
BEGIN, END = "<!-- verbs -->\n", "<!-- /verbs -->"
#: Kinds that exist in tests only.
PRETEND = ("host.polish", "host.scrap", "host.tidy", "host.glance")

_CANCEL = {
    Cancel.NEVER: "never",
    Cancel.BEFORE: "before it begins",
    Cancel.ANY_TIME: "until it is done",
}
#: By rank.
_PUSHES = ("what makes or changes it", "all but a force clean", "everything")


def carried_out() -> list[Verb]:
    """Return the verbs that have a handler."""
    _discover()
    return [verb for verb in all_verbs() if verb.name in _handlers and verb.name not in PRETEND]


def table() -> str:
    head = "| verb | deadline | can be cancelled | tried again by | pushes aside |\n| --- | --- | --- | --- | --- |\n"
    return head + "".join(_row(verb) for verb in sorted(carried_out(), key=lambda verb: verb.name))


def _row(verb: Verb) -> str:
    pushes = _PUSHES[verb.rank] if verb.supersedes else ""
    again = f"`{verb.retry}`" if verb.exclusive and verb.repeatable else "new request"
    return f"| `{verb.name}` | {_time(verb.deadline)} | {_CANCEL[verb.cancel]} | {again} | {pushes} |\n"


def _time(deadline: timedelta) -> str:
    seconds = int(deadline.total_seconds())
    return f"{seconds // 60} min" if seconds % 60 == 0 else f"{seconds} s"


@pytest.mark.requirement("OP-4")
def test_the_documented_table_is_the_verb_table() -> None:
    before, _, rest = PAGE.read_text().partition(BEGIN)
    documented, end, _after = rest.partition(END)
    assert before and end, "the page has no place for the table"
    assert documented == table()


@pytest.mark.requirement("OP-4")
def test_what_tries_a_verb_again_is_carried_out_too_and_in_the_states_it_leaves() -> None:
    for verb in carried_out():
        if verb.exclusive:
            again = verb_named(verb.retry)
            assert again in carried_out()
            assert again.on_resource, verb.name
            # What was never created is in error; anything else stays as it was.
            assert "ready" in again.states or "error" in again.states
            assert verb.on_resource or "error" in again.states, verb.name


@pytest.mark.requirement("OP-4")
def test_what_ends_a_resource_is_possible_in_every_state() -> None:
    ending = [verb for verb in carried_out() if verb.rank]
    kinds = {verb.kind for verb in carried_out() if verb.exclusive}
    # A host is removed by rows alone, and keeps its removal waiting no longer than its own operations take.
    assert {verb.kind for verb in ending} == kinds - {"host"}
    for verb in ending:
        assert verb.supersedes, verb.name
        assert set(verb.states) == {"pending", "ready", "error", "recycled"}, verb.name
        assert verb.cancel is not Cancel.NEVER, verb.name
