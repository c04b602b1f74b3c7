"""How a verb is requested in the crash campaign, and the tools to bring a resource there.

The recipes of a kind's verbs are in its file of tests/kinds.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from apps.drivers.errors import DriverError
from apps.infrastructure import backends
from apps.lifecycle.engine import execute
from apps.lifecycle.models import Operation, OperationStatus, Resource
from apps.reconciliation import services as administrators
from apps.reconciliation.finding_actions import Action
from apps.reconciliation.models import Finding
from tests.recovery.crash.environment import Environment

Ask = Callable[[Environment, Any], Operation]


@dataclass(frozen=True)
class Recipe:
    """`make` gives what `ask` is given: what the verb acts on, or for a creation what it is created in.

    `gives_up`: what a backend refuses for good to remove it leaves behind on purpose, for the reconciler to list.
    """

    ask: Ask
    make: Callable[[Environment], Any] = lambda environment: None
    gives_up: bool = False


def load(operation: Operation) -> Any:
    """Return what the operation acts on, as a row of its kind."""
    from tests.recovery.crash.recipes import MODELS  # made of all kinds, which need what is here

    return MODELS[operation.target_kind].objects.get(pk=operation.target_id)


def done(operation: Operation) -> Any:
    """Carry the operation out in this process and return what it acted on."""
    execute(operation.pk)
    operation.refresh_from_db()
    assert operation.status == OperationStatus.DONE, (operation.verb, operation.error, operation.steps)
    return load(operation)


def spoilt(operation: Operation, call: str) -> Any:
    """Let the operation fail for good at a driver call and return what it was to create, in error."""
    error = DriverError("Tried: refused.", code="tried.refused", permanent=True, hint="Try again.")
    backends.memory_world().fail(call, error)
    execute(operation.pk)
    operation.refresh_from_db()
    assert operation.status == OperationStatus.FAILED, (operation.verb, operation.status)
    return load(operation)


def new_name() -> str:
    """Return a name that nothing has."""
    return f"it-{uuid4().hex[:12]}"


def by_admin(action: Action) -> Ask:
    def ask(environment: Environment, subject: Any) -> Operation:
        rows = Resource.objects.filter(pk=subject.pk)
        return administrators.do(
            environment.admin, subject if isinstance(subject, Finding) else rows.get(), action
        )

    return ask


RESYNC, ROLL_BACK = by_admin(Action.RESYNC), by_admin(Action.ROLL_BACK)
FORCE_CLEAN = by_admin(Action.FORCE_CLEAN)
