"""Binding verbs to the code that carries them out. Only workers import the modules that do the binding."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

from apps.lifecycle.modules import discover
from apps.lifecycle.operation_context import OperationContext
from apps.lifecycle.verbs import Verb

#: Runs inside the finishing transaction, once the backend matches.
Settle = Callable[[], None]
#: Makes the backend match the desired columns; safe to run again from the top at any time.
Handler = Callable[[OperationContext], Settle | None]

_handlers: dict[str, Handler] = {}


def handles(verb: Verb) -> Callable[[Handler], Handler]:
    """Make the decorated function carry out `verb`."""

    def bind(handler: Handler) -> Handler:
        if verb.name in _handlers:
            raise ValueError(f"verb {verb.name} has two handlers")
        _handlers[verb.name] = handler
        return handler

    return bind


def handler_of(verb_name: str) -> Handler:
    """Return the handler of a verb; KeyError when no app carries it out."""
    _discover()
    return _handlers[verb_name]


@cache
def _discover() -> None:
    discover("operations")
