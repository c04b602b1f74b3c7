"""The verb table: everything that can be done to a resource, declared once.

Services check it, the API's `allowed_actions`, buttons, bulk actions and the audit log read it. Each app declares its
verbs in its own `verbs.py`, which every process loads; handlers are bound to them in `operations.py`, which only
workers load.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.utils.functional import Promise

from apps.lifecycle.models import State

Text = str | Promise
#: Returns None when the verb is possible now, or the reason why not.
Obstacle = Callable[[Any], Text | None]


@dataclass(frozen=True)
class Verb:
    """One action on one kind.

    name: "<kind>.<action>". label: the button. doing: the state word while it runs ("Starting").
    permission: what the actor's role needs ("view", "operate", "manage"). states: stored states it is legal in.
    obstacle: a further condition on the row. destructive: wants a confirmation that says what goes.
    supersedes: may push aside an open operation (power off, delete). exclusive: takes the one place for an open
    operation. deadline: from request to settled, after which the operation fails. icon: name in the icon sprite.
    on_resource: False for "create" and the like, which need no existing resource. in_person: not for an admin acting as
    the tenant, since it shows a secret with which one could come in as somebody else.
    """

    name: str
    label: Text
    doing: Text
    permission: str = "operate"
    states: frozenset[str] = frozenset({State.READY})
    obstacle: Obstacle | None = None
    destructive: bool = False
    supersedes: bool = False
    exclusive: bool = True
    deadline: timedelta = timedelta(minutes=5)
    icon: str = ""
    on_resource: bool = True
    in_person: bool = False
    #: Whether nothing is lost by cancelling it before it is done. Not where what was asked for is shown as being in
    #: force already: cancelled, a security group's page and its rules in the network would differ.
    cancellable: bool = True

    @property
    def kind(self) -> str:
        """The kind it acts on."""
        return self.name.split(".")[0]

    @property
    def action(self) -> str:
        """The part after the kind, as it stands in API paths."""
        return self.name.split(".")[1]


_table: dict[str, Verb] = {}

ANY_STATE = frozenset({State.PENDING, State.READY, State.ERROR})


def declare(verb: Verb) -> Verb:
    """Add a verb to the table."""
    if verb.name in _table:
        raise ValueError(f"verb {verb.name} is declared twice")
    _table[verb.name] = verb
    return verb


def verb_named(name: str) -> Verb:
    """Return a verb by its name; KeyError when there is none."""
    return _table[name]


def verbs_of(kind: str) -> list[Verb]:
    """Return the verbs of a kind that act on an existing resource, in the order they were declared."""
    return [verb for verb in _table.values() if verb.kind == kind and verb.on_resource]


def all_verbs() -> Iterable[Verb]:
    """Return the whole table."""
    return _table.values()
