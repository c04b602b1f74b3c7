"""The one WebSocket of a page: it hears which rows changed, and fetches them itself."""

from __future__ import annotations

import asyncio
import json
from collections import deque
from contextlib import suppress
from typing import Any

from channels.db import database_sync_to_async
from channels.generic.websocket import AsyncWebsocketConsumer

from apps.lifecycle.push import ADMIN_GROUP, tenant_group, user_group
from apps.portal import rooms
from apps.tenancy.acting import acting_tenant_id
from apps.tenancy.models import User
from apps.tenancy.sessions import session_uid

NOT_LOGGED_IN = 4401
CONNECT_AGAIN = 4408
#: Seconds for joining; a page that has not come in by then knocks again.
PATIENCE = 10


class PageConsumer(AsyncWebsocketConsumer):
    """Joins the tenant's room, or the admins', and its user's own.

    Messages name kind, id and change, nothing that needs permission.
    """

    # The rooms listen for all pages.
    channel_layer_alias = ""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.joined: list[str] = []
        self.unsent: deque[str] = deque()
        self.sending: asyncio.Task[None] | None = None
        self.ended = False

    async def connect(self) -> None:
        """Accept who is logged in."""
        await self.accept()
        user: object = self.scope.get("user")
        if not isinstance(user, User) or not user.is_active:
            await self.close(NOT_LOGGED_IN)
            return
        try:
            async with asyncio.timeout(PATIENCE):
                group = await database_sync_to_async(_group_of)(user, self.scope["session"])
                await self._join(group, user_group(user.pk))
        except rooms.AWAY:  # or too slow: TimeoutError is an OSError
            await self.close(CONNECT_AGAIN)
            return
        self.tell(json.dumps({"ready": True}))

    async def disconnect(self, code: int) -> None:
        """Hear nothing more."""
        self._leave()

    def tell(self, text: str) -> None:
        """Pass on what changed, after what has not been taken yet."""
        if self.ended:
            return
        self.unsent.append(text)
        if self.sending is None or self.sending.done():
            self.sending = asyncio.create_task(self._send())

    def end(self, message: dict[str, Any]) -> None:
        """Close if the page's session may have ended.

        "page.closed": somebody's did. All connect again, and whoever is logged out cannot.
        "page.logged_out": those named did.
        """
        if message["type"] == "page.closed":
            self._end(CONNECT_AGAIN)
            return
        key = self.scope["session"].session_key
        if key is None or str(session_uid(key)) in message["sessions"]:
            self._end(NOT_LOGGED_IN)

    async def _join(self, *groups: str) -> None:
        try:
            for name in groups:
                self.joined.append(name)
                await rooms.join(name, self)
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
            rooms.leave(name, self)
        self.joined.clear()
        self.unsent.clear()


def _group_of(user: User, session: Any) -> str:
    if not user.is_platform_admin:
        return tenant_group(user.tenant_id)
    acting = acting_tenant_id(session)
    return tenant_group(acting) if acting is not None else ADMIN_GROUP
