"""Acts: each verb with the one service that does it. API, pages, bulk, palette and retries take the service from here.

A service says itself which verb it is, by `serves` or by one of the decorators of `accounts/acts.py`; nothing else
pairs the two. Verbs are declared in `verbs.py` (every process), services here (who asks), handlers in `operations.py`
(workers).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any, TypeVar

from apps.lifecycle.modules import discover
from apps.lifecycle.verbs import Verb

#: `service(actor, row, **values)`, or `service(actor, **values)` where there is no row yet.
Service = Callable[..., Any]
S = TypeVar("S", bound=Service)

_services: dict[str, Service] = {}


def serves(*verbs: Verb) -> Callable[[S], S]:
    """Make the decorated function the service of these verbs. Raises ValueError when one has a service already."""

    def bind(service: S) -> S:
        for verb in verbs:
            if verb.name in _services:
                raise ValueError(f"verb {verb.name} has two services")
            _services[verb.name] = service
        return service

    return bind


def service_of(verb: Verb) -> Service:
    """Return the service of a verb; KeyError when it has none."""
    _discover()
    return _services[verb.name]


def has_service(verb_name: str) -> bool:
    """Whether there is a verb of this name that can be requested by its service."""
    _discover()
    return verb_name in _services


@cache
def _discover() -> None:
    discover("services")
