"""Who reads what is rendered: administrators read causes as workers and hosts say them, tenants read their own texts.

Like the language, it is set for each request, and so needs no argument of everything that draws a cause.
"""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar, Token

from apps.lifecycle.actor import Actor

#: Asked when something is rendered: who an API key belongs to is known only after the request has started.
_reader: ContextVar[Callable[[], Actor] | None] = ContextVar("reader", default=None)


def set_reader(actor: Callable[[], Actor]) -> Token[Callable[[], Actor] | None]:
    """Have everything rendered for this actor from now on; return what `reset_reader` takes."""
    return _reader.set(actor)


def reset_reader(token: Token[Callable[[], Actor] | None]) -> None:
    """Render for whoever it was before."""
    _reader.reset(token)


def reads_as_tenant() -> bool:
    """Whether the reader is anybody but an administrator as such. Outside of requests, logs are written: False."""
    actor = _reader.get()
    if actor is None:
        return False
    who = actor()
    return not (who.is_system or (who.is_admin and who.tenant is None))
