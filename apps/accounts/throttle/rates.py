"""How many requests a minute an API key may make: a leaky bucket per key, in Redis, for all processes together.

While Redis is unreachable nothing is limited: a limit protects the platform from busy programs, not from attackers, and
must not be what stops it.
"""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from functools import cache
from math import ceil
from typing import Any

import redis
from django.conf import settings
from django.utils.translation import gettext as _

from apps.accounts.models import ApiKey
from apps.accounts.platform_settings import API_REQUESTS_PER_MINUTE
from apps.lifecycle.errors import Refused

log = logging.getLogger(__name__)

WINDOW = 60
#: Seconds that an answer may take, and that Redis is left alone after it failed to answer.
PATIENCE, PAUSE = 0.5, 5.0
#: KEYS: the bucket. ARGV: how many requests leak away in how many seconds. Returns whether there was room, and the
#: level.
_TAKE = """
local time = redis.call('TIME')
local now = tonumber(time[1]) + tonumber(time[2]) / 1000000
local limit, window = tonumber(ARGV[1]), tonumber(ARGV[2])
local kept = redis.call('HMGET', KEYS[1], 'level', 'at')
local level = (tonumber(kept[1]) or 0) - (now - (tonumber(kept[2]) or now)) * limit / window
level = math.max(0, level)
if level + 1 > limit + 0.000001 then return {0, tostring(level)} end
redis.call('HSET', KEYS[1], 'level', tostring(level + 1), 'at', string.format('%.6f', now))
redis.call('EXPIRE', KEYS[1], window)
return {1, tostring(level + 1)}
"""


@dataclass(frozen=True)
class Rate:
    """Where a key stands after a request. `level`: requests that have not leaked away yet."""

    limit: int
    level: float
    admitted: bool = True

    @property
    def remaining(self) -> int:
        """How many requests are left now."""
        return max(0, int(self.limit - self.level))

    @property
    def reset(self) -> int:
        """Seconds until all of them are left."""
        return ceil(self.level * WINDOW / self.limit)

    @property
    def wait(self) -> int:
        """Seconds until one is left."""
        return max(1, ceil((self.level + 1 - self.limit) * WINDOW / self.limit))

    @property
    def headers(self) -> dict[str, str]:
        """As draft-ietf-httpapi-ratelimit-headers-07 names them."""
        return {
            "RateLimit-Limit": str(self.limit),
            "RateLimit-Remaining": str(self.remaining),
            "RateLimit-Reset": str(self.reset),
        }


class TooFast(Refused):
    """The key has made as many requests as it may."""

    status = 429
    code = "rate.limited"

    def __init__(self, rate: Rate) -> None:
        self.rate = rate
        super().__init__(
            _("This API key is limited to %(n)d requests per minute.") % {"n": rate.limit},
            hint=_("Wait %(n)d s, then retry.") % {"n": rate.wait},
            details={"retry_after": rate.wait},
        )

    @property
    def headers(self) -> dict[str, str]:
        """Say when to try again."""
        return {"Retry-After": str(self.rate.wait)}


def limit_of(key: ApiKey) -> int:
    """Return how many requests a minute the key may make: the platform's limit, or its own lower one."""
    platform = API_REQUESTS_PER_MINUTE.value()
    return min(platform, key.requests_per_minute or platform)


def count_request(key: ApiKey) -> Rate | None:
    """Count a request of the key; None while Redis is unreachable.

    Those of a key that another key created are counted for both: a key cannot get around its limit by creating keys.
    """
    rate = _count(key)
    if rate is None or not rate.admitted or key.parent is None:
        return rate
    shared = _count(key.parent)
    return rate if shared is None or (shared.admitted and shared.remaining >= rate.remaining) else shared


def _count(key: ApiKey) -> Rate | None:
    return _counter().take(f"{settings.THROTTLE_PREFIX}rate:{key.uid}", limit_of(key))


class _Counter:
    def __init__(self, client: redis.Redis) -> None:
        self._take: Any = client.register_script(_TAKE)
        self._silent_until = 0.0

    def take(self, key: str, limit: int) -> Rate | None:
        if time.monotonic() < self._silent_until:
            return None
        try:
            admitted, level = self._take(keys=[key], args=[limit, WINDOW])
        except redis.RedisError as error:
            self._silent_until = time.monotonic() + PAUSE
            log.warning("requests of API keys are not limited: %s", type(error).__name__)
            return None
        return Rate(limit, float(level), bool(admitted))


@cache
def _counter() -> _Counter:
    client = redis.Redis.from_url(
        settings.REDIS_URL, socket_timeout=PATIENCE, socket_connect_timeout=PATIENCE
    )
    return _Counter(client)
