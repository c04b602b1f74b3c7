"""Declaring the services of the repairs that an administrator asks for, in `services` of the app whose kind it is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from apps.accounts.acts import changes
from apps.lifecycle.models import Operation
from apps.lifecycle.requests import Change
from apps.lifecycle.verbs import Verb
from apps.reconciliation.usage import ensure_not_needed


def repairs(verb: Verb) -> Callable[..., Operation]:
    """Declare and return the service of a resync or a roll-back, whose values tell the operation what to repair."""
    return changes(verb)(_repair)


def force_cleans(verb: Verb) -> Callable[..., Operation]:
    """Declare and return the service of a force clean. Raises InUse while something needs the resource."""
    return changes(verb)(_force_clean)


def _repair(change: Change[Any], /, **values: Any) -> Operation:
    return change.request(args=values)


def _force_clean(change: Change[Any]) -> Operation:
    ensure_not_needed(change.row)
    return change.request()
