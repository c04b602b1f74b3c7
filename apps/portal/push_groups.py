"""The open pages of this process, by the group they listen to.

A process subscribes once to a group, however many of its pages are open, and writes the same text to all of them:
a subscription, a queue and a dispatch for each page, as Channels does by itself, cost four times as much.

The layer connects again automatically when Redis was away, without a word about messages lost meanwhile. So each
process looks every few seconds whether it is still the same Redis, and closes its pages when it is not: they say that
they have lost touch, and fetch everything again once they are back.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Collection, Iterable
from typing import Any, Protocol

import redis.asyncio
import redis.exceptions
from channels.layers import get_channel_layer
from django.conf import settings

#: What Redis that is away raises.
AWAY = (OSError, redis.exceptions.RedisError)
#: Seconds between two looks at Redis, and how long one may take.
LOOK, PATIENCE = 2.0, 2.0
#: Seconds to wait for what else the same commit has changed: it goes in one message.
TOGETHER = 0.01


class Listener(Protocol):
    """What a room needs of a page. Both return at once, so that a page that is slow to take them holds up no other."""

    def send_text(self, text: str) -> None:
        """Send a text."""

    def receives(self, about: Collection[str]) -> bool:
        """Whether the page may hear of any of these resources; for the group of roles on single resources."""

    def end(self, message: dict[str, Any]) -> None:
        """Close if this message about ended sessions is meant for the page."""


class PushGroup:
    """The pages that listen to one group."""

    def __init__(self, group: str) -> None:
        self.pages: set[Listener] = set()
        self.changes: dict[str, None] = {}  # each once, in the order they came
        self.delivering: asyncio.Task[None] | None = None
        self.subscribed = asyncio.Event()
        self.listening = asyncio.create_task(self._listen(group))

    async def opened(self) -> None:
        """Wait until the group is subscribed to. Raises what prevented it."""
        waiting = asyncio.create_task(self.subscribed.wait())
        await asyncio.wait([waiting, self.listening], return_when=asyncio.FIRST_COMPLETED)
        if waiting.cancel():
            if self.listening.cancelled():
                raise ConnectionError("the last page left while this one came")
            self.listening.result()

    async def _listen(self, group: str) -> None:
        layer = get_channel_layer()
        assert layer is not None
        channel = await layer.new_channel()
        try:
            await layer.group_add(group, channel)
            self.subscribed.set()
            while True:
                self._receive(await layer.receive(channel))
        except Exception:
            # Otherwise no page would learn that nothing is received any more.
            self.close()
            raise
        finally:
            await layer.group_discard(group, channel)

    def close(self) -> None:
        """Have all pages connect again: a message may be lost."""
        self._receive({"type": "page.closed"})

    def _receive(self, message: dict[str, Any]) -> None:
        if message["type"] != "page.changed":
            for page in list(self.pages):
                page.end(message)
            return
        change = {"kind": message["kind"], "id": message["id"], "change": message["change"]}
        text = json.dumps(change)
        if "about" in message:
            for page in [page for page in self.pages if page.receives(message["about"])]:
                page.send_text(text)
            return
        self.changes[text] = None
        if self.delivering is None or self.delivering.done():
            self.delivering = asyncio.create_task(self._deliver())

    async def _deliver(self) -> None:
        """Send to all pages; in a burst rest for as long as that took, so that it takes half of the process at most."""
        loop = asyncio.get_running_loop()
        rest = TOGETHER
        while self.changes:
            await asyncio.sleep(rest)
            text = joined(self.changes)
            self.changes.clear()
            started = loop.time()
            for page in list(self.pages):
                page.send_text(text)
            await asyncio.sleep(0)  # they are sent
            rest = max(TOGETHER, loop.time() - started)


def joined(changes: Iterable[str]) -> str:
    """Return one change as it is, several as a list."""
    texts = list(changes)
    return texts[0] if len(texts) == 1 else f"[{','.join(texts)}]"


async def _watch() -> None:
    """Close the rooms of this loop when Redis is away or has been started again."""
    here, last = asyncio.get_running_loop(), None
    asked = redis.asyncio.Redis.from_url(
        settings.REDIS_URL, socket_timeout=PATIENCE, socket_connect_timeout=PATIENCE
    )
    try:
        async with asked as client:
            while any(loop is here for loop, _group in _rooms):
                life = await _life(client)
                if last is not None and life != last:
                    for room in [room for (loop, _group), room in _rooms.items() if loop is here]:
                        room.close()
                last = life
                await asyncio.sleep(LOOK)
            del _watching[
                here
            ]  # before the connection is closed: a room opened meanwhile starts a watch of its own
    finally:
        if _watching.get(here) is asyncio.current_task():
            del _watching[here]


async def _life(client: redis.asyncio.Redis) -> str:
    """Return what changes when Redis is started again; "" while it is away."""
    try:
        return str((await client.info("server"))["run_id"])
    except AWAY:
        return ""


_watching: dict[asyncio.AbstractEventLoop, asyncio.Task[None]] = {}
_rooms: dict[tuple[asyncio.AbstractEventLoop, str], PushGroup] = {}


async def join(group: str, page: Listener) -> None:
    """Have a page told of what is sent to a group from now on.

    Raises one of AWAY while Redis is unreachable; the page must `leave` then as well.
    """
    loop = asyncio.get_running_loop()
    key = (loop, group)
    room = _rooms.get(key)
    if room is None or room.listening.done():  # one that has stopped hearing has told its pages so
        room = _rooms[key] = PushGroup(group)
        if loop not in _watching:
            _watching[loop] = asyncio.create_task(_watch())
    room.pages.add(page)
    if not room.subscribed.is_set():
        await room.opened()


def leave(group: str, page: Listener) -> None:
    """Tell the page nothing more; the last one to leave ends the subscription."""
    key = (asyncio.get_running_loop(), group)
    room = _rooms.get(key)
    if room is None:
        return
    room.pages.discard(page)
    if not room.pages:
        del _rooms[key]
        room.listening.cancel()
