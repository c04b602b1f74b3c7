"""Who reads what is rendered: administrators read causes as workers and hosts say them, tenants read their own texts.

Like the language, it is set for each request, and so needs no argument of everything that draws a cause.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from apps.lifecycle.actor import Actor

#: Asked when something is rendered: who an API key belongs to is known only after the request has started.
_reader: ContextVar[Callable[[], Actor] | None] = ContextVar("reader", default=None)


@contextmanager
def read_by(actor: Callable[[], Actor]) -> Iterator[None]:
    """Render everything for this actor inside the block."""
    token = _reader.set(actor)
    try:
        yield
    finally:
        _reader.reset(token)


def reads_as_tenant() -> bool:
    """Whether the reader is anybody but an administrator as such. Outside of requests, logs are written: False."""
    actor = _reader.get()
    if actor is None:
        return False
    who = actor()
    return not (who.is_system or (who.is_admin and who.tenant is None))
