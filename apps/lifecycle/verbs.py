"""The verb table: everything that can be done to a resource, declared once.

Services check it, the API's `allowed_actions`, buttons, bulk actions and the audit log read it. Each app declares its
verbs in its own `verbs.py`, which every process loads; handlers are bound to them in `operations.py`, which only
workers load.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum, StrEnum
from typing import Any
from uuid import UUID

from django.utils.functional import Promise

from apps.lifecycle.models import Operation, State
from apps.lifecycle.models.status import Status

Text = str | Promise
#: Returns None when the verb is possible now, or the reason why not.
Obstacle = Callable[[Any], Text | None]


class Cancel(Enum):
    """Until when an operation can be cancelled without leaving anything that cannot be repaired."""

    #: What was requested is shown as being in force already: cancelled, a security group's page and its rules differ.
    NEVER = "never"
    #: Until a worker has started: part of it may be gone after that.
    BEFORE = "before it begins"
    #: Also while a worker is at it: it stops at its next step, or is cancelled at its end, unless its handler has said
    #: before that what it is doing cannot be taken back.
    ANY_TIME = "until it is done"


class VerbClass(StrEnum):
    """What a verb acts on, and so which API keys reach it (apps/accounts/scopes.py)."""

    #: Resources, and the platform they run on. A key reaches them by its scope.
    RESOURCE = "resource"
    #: Who has access to what: members, roles, owners, administrators, keys, tenants, resets. Keys need `accounts`.
    ACCOUNTS = "accounts"
    #: A person's own password, factors, sessions, logins and profile: only that person's session, no key at all.
    OWN_ACCOUNT = "own_account"


class Proof(StrEnum):
    """Whether whoever asks must have proved a moment ago who they are (apps/accounts/recent_proof.py)."""

    NONE = "none"
    #: It gives access. A person must have proved it within 15 minutes; an API key never has.
    FRESH = "fresh"


@dataclass(frozen=True)
class Verb:
    """One action on one kind.

    name: "<kind>.<action>". label: the button. doing: the state word while it runs ("Starting").
    permission: what the actor's role needs ("view", "operate", "manage"). states: stored states it is legal in.
    obstacle: a further condition on the row; not asked of what supersedes while it pushes something aside, unless it is
    firm: it does not depend on how far what is pushed aside has come.
    destructive: wants a confirmation that says what goes.
    supersedes: may push aside an open operation (power off, delete). supersedes_itself: one of the same verb, too.
    exclusive: takes the one place for an open operation. deadline: from request to settled, after which the operation
    fails. icon: name in the icon sprite.
    on_resource: False for "create" and the like, which need no existing resource. verb_class: which API keys reach it.
    proof: whether it needs a fresh proof of who asks; no_proof: why it needs none, of verbs about accounts.
    while_acting: whether an administrator acting as the tenant may do it; by default only verbs on resources.
    inside: it shows or changes the inside of a tenant's machines, so an administrator must act as the tenant first.
    cancel: until when it can be cancelled. taken_back: called with the resource's id when it was cancelled, takes back
    what was wanted. abandoned: called with the operation whenever it ended otherwise than done (failed, cancelled,
    pushed aside), in the transaction that ends it. retried_by: the action that does it again when it failed, where that
    is not the verb itself.
    takes_turns: what its operation holds beside its own resource may be held by others that take turns. They are
    accepted in place of Busy, and carried out one after the other, in the order of their requests.
    removes: its resource is gone once it is done (delete, force clean): from the request on nothing may use it.
    rank: what supersedes pushes nothing of a higher rank aside (power off 0, delete 1, force clean 2).
    creates: what it makes is a new resource in the project, so a role on its single resource does not cover it.
    status: the resource's status while it runs, as the API names it (`status.py`).
    repeatable: whether it can be asked for again with what its operation has kept: not where that was a password.
    is_task: whether it is shown among somebody's tasks; the operation log has it in any case.
    """

    name: str
    label: Text
    doing: Text
    permission: str = "operate"
    states: frozenset[str] = frozenset({State.READY})
    obstacle: Obstacle | None = None
    firm: bool = False
    destructive: bool = False
    supersedes: bool = False
    exclusive: bool = True
    deadline: timedelta = timedelta(minutes=5)
    icon: str = ""
    on_resource: bool = True
    verb_class: VerbClass = VerbClass.RESOURCE
    proof: Proof = Proof.NONE
    no_proof: str = ""
    while_acting: bool | None = None
    inside: bool = False
    cancel: Cancel = Cancel.ANY_TIME
    taken_back: Callable[[UUID], object] | None = None
    abandoned: Callable[[Operation], object] | None = None
    retried_by: str = ""
    supersedes_itself: bool = False
    rank: int = 0
    removes: bool = False
    takes_turns: bool = False
    creates: bool = False
    status: Status = Status.UPDATING
    is_task: bool = True
    repeatable: bool = True

    @property
    def allowed_while_acting(self) -> bool:
        """Whether an administrator acting as the tenant may do it."""
        return self.verb_class is VerbClass.RESOURCE if self.while_acting is None else self.while_acting

    @property
    def kind(self) -> str:
        """The kind it acts on."""
        return self.name.split(".")[0]

    @property
    def action(self) -> str:
        """The part after the kind, as it stands in API paths."""
        return self.name.split(".")[1]

    @property
    def retry(self) -> str:
        """Name of the verb that does it again when it failed or was cancelled."""
        return f"{self.kind}.{self.retried_by}" if self.retried_by else self.name


_table: dict[str, Verb] = {}

ANY_STATE: frozenset[str] = frozenset(State)


def declare(verb: Verb) -> Verb:
    """Add a verb to the table."""
    if verb.name in _table:
        raise ValueError(f"verb {verb.name} is declared twice")
    if verb.verb_class is VerbClass.ACCOUNTS and (verb.proof is Proof.NONE) != bool(verb.no_proof):
        raise ValueError(f"verb {verb.name} needs a proof, or a reason why it needs none")
    _table[verb.name] = verb
    return verb


def verb_named(name: str) -> Verb:
    """Return a verb by its name; KeyError when there is none."""
    return _table[name]


def abandon(operation: Operation) -> None:
    """Take back what an operation reserved that ended otherwise than done; call in the transaction that ends it."""
    verb = _table.get(operation.verb)
    if verb is not None and verb.abandoned is not None:
        verb.abandoned(operation)


def removes(name: str) -> bool:
    """Whether the verb of that name removes its resource; no verb, no removal."""
    return name in _table and _table[name].removes


def removing() -> list[str]:
    """Return the names of the verbs that remove their resource."""
    return [verb.name for verb in _table.values() if verb.removes]


def verbs_of(kind: str) -> list[Verb]:
    """Return the verbs of a kind that act on an existing resource, in the order they were declared."""
    return [verb for verb in _table.values() if verb.kind == kind and verb.on_resource]


def no_tasks() -> list[str]:
    """Return the names of the verbs that are no tasks."""
    return [verb.name for verb in _table.values() if not verb.is_task]


def all_verbs() -> Iterable[Verb]:
    """Return the whole table."""
    return _table.values()
