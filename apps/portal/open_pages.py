"""How many pages a user, and a session, have open at once: counted in Redis, for all web processes together.

Each open page is a member of two sorted sets, its user's and its session's, scored by when it is forgotten unless its
process says again that it is open. So what a killed process held is free a minute later.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import uuid4

import redis.asyncio
import redis.exceptions
from django.conf import settings

#: Seconds after which a page that nobody speaks for is forgotten, and between two times of speaking for it.
KEPT, RENEWED = 60, 20
PATIENCE = 2.0
#: KEYS: the sets. ARGV: KEPT, the page, and how many each set may hold. Returns 0, or the number of the full set.
_ENTER = """
local now = tonumber(redis.call('TIME')[1])
for i, key in ipairs(KEYS) do
  redis.call('ZREMRANGEBYSCORE', key, '-inf', now)
  if redis.call('ZCARD', key) >= tonumber(ARGV[2 + i]) then return i end
end
for _, key in ipairs(KEYS) do
  redis.call('ZADD', key, now + ARGV[1], ARGV[2])
  redis.call('EXPIRE', key, ARGV[1])
end
return 0
"""
#: KEYS: the sets. ARGV: KEPT, the page.
_RENEW = """
local now = tonumber(redis.call('TIME')[1])
for _, key in ipairs(KEYS) do
  redis.call('ZADD', key, now + ARGV[1], ARGV[2])
  redis.call('EXPIRE', key, ARGV[1])
end
"""


@dataclass(frozen=True)
class Entry:
    """An open page, as it is counted."""

    page: str
    keys: tuple[str, ...]


def user_key(uid: object) -> str:
    """Return where a user's open pages are counted."""
    return f"open_pages:user:{uid}"


def session_key(uid: object) -> str:
    """Return where a session's open pages are counted."""
    return f"open_pages:session:{uid}"


async def enter(limits: Sequence[tuple[str, int]]) -> Entry | None:
    """Count a page under keys, each with the most it may hold; None when one of them is full.

    Raises what Redis that is away raises.
    """
    entry = Entry(uuid4().hex, tuple(key for key, _most in limits))
    async with _client() as client:
        full = await client.eval(
            _ENTER, len(entry.keys), *entry.keys, KEPT, entry.page, *(str(most) for _key, most in limits)
        )
    if full:
        return None
    loop = asyncio.get_running_loop()
    _open.setdefault(loop, set()).add(entry)
    if loop not in _renewing:
        _renewing[loop] = asyncio.create_task(_renew(loop))
    return entry


async def leave(entry: Entry) -> None:
    """Count the page no more. While Redis is away it is forgotten by itself."""
    _open.get(asyncio.get_running_loop(), set()).discard(entry)
    try:
        async with _client() as client:
            for key in entry.keys:
                await client.zrem(key, entry.page)
    except (OSError, redis.exceptions.RedisError):
        return


async def _renew(loop: asyncio.AbstractEventLoop) -> None:
    """Speak for the open pages of this process, as long as there are any."""
    try:
        while _open.get(loop):
            await asyncio.sleep(RENEWED)
            try:
                async with _client() as client, client.pipeline(transaction=False) as pipe:
                    for entry in list(_open.get(loop, ())):
                        pipe.eval(_RENEW, len(entry.keys), *entry.keys, str(KEPT), entry.page)
                    await pipe.execute()
            except (OSError, redis.exceptions.RedisError):
                continue
    finally:
        _renewing.pop(loop, None)
        if not _open.get(loop):
            _open.pop(loop, None)


def _client() -> redis.asyncio.Redis:
    return redis.asyncio.Redis.from_url(
        settings.REDIS_URL, socket_timeout=PATIENCE, socket_connect_timeout=PATIENCE
    )


_open: dict[asyncio.AbstractEventLoop, set[Entry]] = {}
_renewing: dict[asyncio.AbstractEventLoop, asyncio.Task[None]] = {}
