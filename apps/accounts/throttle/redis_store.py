"""Failures counted in Redis, for all processes together."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from typing import Any

import redis
from django.conf import settings

from apps.accounts.throttle.rules import Bucket
from apps.accounts.throttle.store_protocol import MOST_REMEMBERED, REMEMBERED, from_now

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
        return from_now([float(until) for until in pipe.execute() if until is not None])

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


def _named(key: str) -> str:
    return f"{settings.THROTTLE_PREFIX}{key}"


def _keys(buckets: Sequence[Bucket]) -> list[str]:
    return [_named(bucket.key) for bucket in buckets]
