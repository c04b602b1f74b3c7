"""Where failures are counted: in Redis, for all processes together; in the process itself while Redis is away.

A try is counted when it is admitted, and taken back when it was right. So a hundred tries at the same moment are a
hundred failures, not one. Both stores do the same: tests/accounts/test_throttle.py tries them against each other.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from typing import TypeVar

import redis
from django.conf import settings

from apps.accounts.throttle.local_store import LocalStore
from apps.accounts.throttle.redis_store import RedisStore
from apps.accounts.throttle.rules import Bucket
from apps.accounts.throttle.store_protocol import Store

log = logging.getLogger(__name__)
T = TypeVar("T")


class SafeStore:
    """Redis, and the process's own while Redis is away: no login fails for that, and none goes uncounted."""

    def __init__(self, shared: RedisStore, own: LocalStore) -> None:
        self._shared, self._own = shared, own

    def wait(self, buckets: Sequence[Bucket]) -> float:
        """As the protocol says."""
        return self._ask(lambda store: store.wait(buckets))

    def admit(self, buckets: Sequence[Bucket]) -> float:
        """As the protocol says."""
        return self._ask(lambda store: store.admit(buckets))

    def take_back(self, buckets: Sequence[Bucket]) -> None:
        """As the protocol says."""
        self._ask(lambda store: store.take_back(buckets))

    def forget(self, keys: Iterable[str]) -> None:
        """As the protocol says."""
        named = list(keys)
        self._ask(lambda store: store.forget(named))

    def known(self, account: str, marks: Sequence[str]) -> list[bool]:
        """As the protocol says."""
        return self._ask(lambda store: store.known(account, marks))

    def remember(self, account: str, marks: Sequence[str]) -> None:
        """As the protocol says."""
        self._ask(lambda store: store.remember(account, marks))

    def forget_marks(self, account: str) -> list[str]:
        """As the protocol says."""
        return self._ask(lambda store: store.forget_marks(account))

    def _ask(self, ask: Callable[[Store], T]) -> T:
        try:
            return ask(self._shared)
        except redis.RedisError as error:
            log.warning("failed log-ins are counted in this process only: %s", type(error).__name__)
            return ask(self._own)


@cache
def store() -> Store:
    """Return this process's way to the counters."""
    # A login must not wait long for a Redis that is away.
    client = redis.Redis.from_url(settings.REDIS_URL, socket_timeout=5, socket_connect_timeout=2)
    return SafeStore(RedisStore(client), LocalStore())
