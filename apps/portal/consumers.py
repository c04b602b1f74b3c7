"""The one WebSocket of a page: it hears which rows changed, and fetches them itself."""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import Collection
from contextlib import suppress
from typing import Any

from channels.db import database_sync_to_async
from channels.generic.websocket import AsyncWebsocketConsumer

from apps.accounts.models import User
from apps.accounts.sessions import session_uid
from apps.portal import open_pages, push_groups
from apps.portal.page_access import (
    CONNECT_AGAIN,
    NOT_LOGGED_IN,
    TOO_MANY,
    PageSession,
    judge_again_in_thread,
    judge_in_thread,
)
from apps.portal.platform_settings import OPEN_PAGES_PER_SESSION, OPEN_PAGES_PER_USER

#: Close code of RFC 6455 for a message against the rules, and how many messages are ignored before it.
TALKATIVE = 1008
MOST_MESSAGES = 100
#: Seconds for joining; a page that has not come in by then connects again.
PATIENCE = 10


class PageConsumer(AsyncWebsocketConsumer):
    """Joins the rooms of what its user may see, and the user's own (page_access.py).

    Messages name kind, id and change. Its right to them is judged again when the session or acting ends, and at the
    latest every ten minutes.
    """

    # The rooms listen for all pages.
    channel_layer_alias = ""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.joined: list[str] = []
        self.unsent: deque[str] = deque()
        self.sending: asyncio.Task[None] | None = None
        self.judging: asyncio.Task[None] | None = None
        self.entry: open_pages.Entry | None = None
        self.resources: frozenset[str] = frozenset()
        self.ended = False
        self.received = 0

    async def connect(self) -> None:
        """Accept who is logged in and may go on."""
        await self.accept()
        user: object = self.scope.get("user")
        seat = await judge_in_thread(user, self.scope["session"])
        if not isinstance(seat, PageSession):
            await self.close(seat)
            return
        assert isinstance(user, User), "nobody else is given a seat"
        try:
            async with asyncio.timeout(PATIENCE):
                self.entry = await open_pages.enter(await database_sync_to_async(self._limits)(user))
                if self.entry is None:
                    await self.close(TOO_MANY)
                    return
                self.resources = seat.resources
                await self._join(*seat.groups)
        except push_groups.AWAY:  # or too slow: TimeoutError is an OSError
            await self.close(CONNECT_AGAIN)
            return
        self.judging = asyncio.create_task(self._judge_again(seat))
        self.send_text(json.dumps({"ready": True}))

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        """Pages send nothing: what is sent is dropped, and who goes on sending is cut."""
        self.received += 1
        if self.received == MOST_MESSAGES:
            await self.close(TALKATIVE)

    def _limits(self, user: User) -> list[tuple[str, int]]:
        limits = [(open_pages.user_key(user.uid), OPEN_PAGES_PER_USER.value())]
        if key := self._session_key():
            limits.append((open_pages.session_key(session_uid(key)), OPEN_PAGES_PER_SESSION.value()))
        return limits

    async def _judge_again(self, seat: PageSession) -> None:
        """End the page when its user may hear something else now, or nothing any more."""
        key = self._session_key()
        while key and not self.ended:
            await asyncio.sleep(seat.again)
            judged = await judge_again_in_thread(key)
            if not isinstance(judged, PageSession):
                self._end(judged)
            elif (judged.groups, judged.resources) != (seat.groups, seat.resources):
                self._end(CONNECT_AGAIN)
            else:
                seat = judged

    def _session_key(self) -> str:
        return getattr(self.scope["session"], "session_key", None) or ""

    async def disconnect(self, code: int) -> None:
        """Leave all groups."""
        self._leave()
        if self.judging is not None:
            self.judging.cancel()
        if self.entry is not None:
            await open_pages.leave(self.entry)

    def receives(self, about: Collection[str]) -> bool:
        """Whether its user has a role on one of these resources."""
        return not self.resources.isdisjoint(about)

    def send_text(self, text: str) -> None:
        """Pass on what changed, after what has not been taken yet."""
        if self.ended:
            return
        self.unsent.append(text)
        if self.sending is None or self.sending.done():
            self.sending = asyncio.create_task(self._send())

    def end(self, message: dict[str, Any]) -> None:
        """Close if the page's session may have ended.

        "page.closed": somebody's did. All connect again, and whoever is logged out cannot.
        "page.logged_out": those named did. "page.session_changed": those named show another tenant now.
        """
        if message["type"] == "page.closed":
            self._end(CONNECT_AGAIN)
            return
        key = self._session_key()
        if not key or str(session_uid(key)) in message["sessions"]:
            self._end(NOT_LOGGED_IN if message["type"] == "page.logged_out" else CONNECT_AGAIN)

    async def _join(self, *groups: str) -> None:
        try:
            for name in groups:
                self.joined.append(name)
                await push_groups.join(name, self)
        except BaseException:
            self._leave()
            raise
        if self.ended:
            self._leave()

    async def _send(self) -> None:
        with suppress(OSError):  # gone meanwhile; `disconnect` comes
            while self.unsent:
                await self.send(text_data=self.unsent.popleft())

    def _end(self, code: int) -> None:
        self.ended = True
        self._leave()
        if self.sending is not None:
            self.sending.cancel()
        self.sending = asyncio.create_task(self._close(code))

    async def _close(self, code: int) -> None:
        with suppress(OSError):
            await self.close(code)

    def _leave(self) -> None:
        for name in self.joined:
            push_groups.leave(name, self)
        self.joined.clear()
        self.unsent.clear()
