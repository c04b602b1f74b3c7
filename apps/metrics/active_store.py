"""Which store this installation has. Apart from the interface, which its implementations import."""

from __future__ import annotations

from functools import cache

from apps.metrics.postgres import PostgresStore
from apps.metrics.store import Store


@cache
def store() -> Store:
    """Return the store of this installation."""
    return PostgresStore()
