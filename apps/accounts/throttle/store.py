"""Where failures are counted: in Redis, for all processes together; in the process itself while Redis is away.

A try is counted when it is admitted, and taken back when it was right. So a hundred tries at the same moment are a
hundred failures, not one. Both stores do the same: tests/accounts/test_throttle.py tries them against each other.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from typing import Any, Protocol, TypeVar

import redis
from django.conf import settings

from apps.accounts.throttle.rules import Bucket

log = logging.getLogger(__name__)
T = TypeVar("T")

#: How long a device or network is remembered after a log-in, and how many of an account.
REMEMBERED = 90 * 24 * 3600
MOST_REMEMBERED = 32
#: Seconds; less is no delay (what `_ADMIT` says too).
SHORTEST = 0.001
#: Counters that a process keeps while Redis is away; the oldest make room.
MOST_LOCAL = 10_000

_ADMIT = """
local now, wait, levels = tonumber(ARGV[1]), 0, {}
for i, key in ipairs(KEYS) do
  local free, memory = tonumber(ARGV[i * 4 - 2]), tonumber(ARGV[i * 4 - 1])
  local kept = redis.call('HMGET', key, 'level', 'at', 'wait_until')
  local level, at = tonumber(kept[1] or '0'), tonumber(kept[2] or ARGV[1])
  wait = math.max(wait, tonumber(kept[3] or '0') - now)
  levels[i] = math.max(0, level - math.max(0, now - at) * free / memory)
end
if wait > 0.001 then return tostring(wait) end
for i, key in ipairs(KEYS) do
  local free, memory = tonumber(ARGV[i * 4 - 2]), tonumber(ARGV[i * 4 - 1])
  local step, cap = tonumber(ARGV[i * 4]), tonumber(ARGV[i * 4 + 1])
  local level, wait_until = levels[i] + 1, 0
  local failures = math.floor(level + 0.5)
  if failures >= free then wait_until = now + math.min(cap, step * 2 ^ math.min(failures - free, 32)) end
  redis.call('HSET', key, 'level', tostring(level), 'at', ARGV[1], 'wait_until', string.format('%.3f', wait_until))
  redis.call('PEXPIRE', key, math.ceil((memory * 2 + cap) * 1000))
end
return '0'
"""
_TAKE_BACK = """
for _, key in ipairs(KEYS) do
  local level = redis.call('HGET', key, 'level')
  if level then
    redis.call('HSET', key, 'level', tostring(math.max(0, tonumber(level) - 1)), 'wait_until', '0')
  end
end
"""


class Store(Protocol):
    """What a throttle keeps."""

    def wait(self, buckets: Sequence[Bucket]) -> float:
        """Return the seconds until a try would be admitted, counting nothing."""

    def admit(self, buckets: Sequence[Bucket]) -> float:
        """Count a try in all buckets; or count nothing and return the seconds to wait when one of them is shut."""

    def take_back(self, buckets: Sequence[Bucket]) -> None:
        """The try was right: it counts no more, and the next one need not wait."""

    def forget(self, keys: Iterable[str]) -> None:
        """Drop counters."""

    def known(self, account: str, marks: Sequence[str]) -> list[bool]:
        """Which of these devices and networks the account has logged in from."""

    def remember(self, account: str, marks: Sequence[str]) -> None:
        """Keep that the account has logged in from there."""

    def forget_marks(self, account: str) -> list[str]:
        """Forget where the account has logged in from; return what was known."""


class LocalStore:
    """One process's own. It knows no devices: nobody is trusted more than others while Redis is away."""

    def __init__(self, most: int = MOST_LOCAL) -> None:
        self._most = most
        self._kept: OrderedDict[str, tuple[float, float, float]] = OrderedDict()
        self._mutex = threading.Lock()

    def __len__(self) -> int:
        return len(self._kept)

    def wait(self, buckets: Sequence[Bucket]) -> float:
        """As the protocol says."""
        with self._mutex:
            until = [self._kept[bucket.key][2] for bucket in buckets if bucket.key in self._kept]
        return _from_now(until)

    def admit(self, buckets: Sequence[Bucket]) -> float:
        """As the protocol says."""
        now = time.time()
        with self._mutex:
            rows = [self._kept.get(bucket.key, (0.0, now, 0.0)) for bucket in buckets]
            wait = max((until - now for _level, _at, until in rows), default=0.0)
            if wait > SHORTEST:
                return wait
            for bucket, (before, at, _until) in zip(buckets, rows, strict=True):
                level = bucket.rule.leaked(before, now - at) + 1
                self._kept[bucket.key] = (level, now, now + bucket.rule.delay(level))
                self._kept.move_to_end(bucket.key)
            while len(self._kept) > self._most:
                self._kept.popitem(last=False)
        return 0.0

    def take_back(self, buckets: Sequence[Bucket]) -> None:
        """As the protocol says."""
        with self._mutex:
            for bucket in buckets:
                if (row := self._kept.get(bucket.key)) is not None:
                    self._kept[bucket.key] = (max(0.0, row[0] - 1), row[1], 0.0)

    def forget(self, keys: Iterable[str]) -> None:
        """As the protocol says."""
        with self._mutex:
            for key in keys:
                self._kept.pop(key, None)

    def known(self, account: str, marks: Sequence[str]) -> list[bool]:
        """As the protocol says."""
        return [False for _mark in marks]

    def remember(self, account: str, marks: Sequence[str]) -> None:
        """As the protocol says."""

    def forget_marks(self, account: str) -> list[str]:
        """As the protocol says."""
        return []


class RedisStore:
    """That of all processes. Every key has an end, and only admitted tries make keys: what it takes is bounded."""

    def __init__(self, client: redis.Redis) -> None:
        self._client: Any = client
        self._admit = client.register_script(_ADMIT)
        self._take_back = client.register_script(_TAKE_BACK)

    def wait(self, buckets: Sequence[Bucket]) -> float:
        """As the protocol says."""
        pipe = self._client.pipeline(transaction=False)
        for key in _keys(buckets):
            pipe.hget(key, "wait_until")
        return _from_now([float(until) for until in pipe.execute() if until is not None])

    def admit(self, buckets: Sequence[Bucket]) -> float:
        """As the protocol says."""
        rules = [
            number
            for each in buckets
            for number in (each.rule.free, each.rule.memory, each.rule.step, each.rule.cap)
        ]
        return float(self._admit(keys=_keys(buckets), args=[f"{time.time():.3f}", *rules]))

    def take_back(self, buckets: Sequence[Bucket]) -> None:
        """As the protocol says."""
        self._take_back(keys=_keys(buckets))

    def forget(self, keys: Iterable[str]) -> None:
        """As the protocol says."""
        if named := [_named(key) for key in keys]:
            self._client.delete(*named)

    def known(self, account: str, marks: Sequence[str]) -> list[bool]:
        """As the protocol says."""
        found = self._client.zmscore(_named(f"known:{account}"), list(marks)) if marks else []
        return [score is not None and time.time() - score < REMEMBERED for score in found]

    def remember(self, account: str, marks: Sequence[str]) -> None:
        """As the protocol says."""
        key = _named(f"known:{account}")
        pipe = self._client.pipeline()
        pipe.zadd(key, {mark: time.time() for mark in marks})
        pipe.zremrangebyrank(key, 0, -MOST_REMEMBERED - 1)
        pipe.expire(key, REMEMBERED)
        pipe.execute()

    def forget_marks(self, account: str) -> list[str]:
        """As the protocol says."""
        key = _named(f"known:{account}")
        marks = [mark.decode() for mark in self._client.zrange(key, 0, -1)]
        self._client.delete(key)
        return marks


class SafeStore:
    """Redis, and the process's own while Redis is away: no log-in fails for that, and none goes uncounted."""

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
    # A log-in must not wait long for a Redis that is away.
    client = redis.Redis.from_url(settings.REDIS_URL, socket_timeout=5, socket_connect_timeout=2)
    return SafeStore(RedisStore(client), LocalStore())


def _from_now(moments: Sequence[float]) -> float:
    left = max(moments, default=0.0) - time.time()
    return left if left > SHORTEST else 0.0


def _named(key: str) -> str:
    return f"{settings.THROTTLE_PREFIX}{key}"


def _keys(buckets: Sequence[Bucket]) -> list[str]:
    return [_named(bucket.key) for bucket in buckets]
