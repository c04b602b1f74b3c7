"""The one WebSocket of a page: it hears which rows changed, and fetches them itself."""

from __future__ import annotations

import json
from functools import lru_cache
from typing import Any

from channels.db import database_sync_to_async
from channels.generic.websocket import AsyncJsonWebsocketConsumer

from apps.lifecycle.push import ADMIN_GROUP, tenant_group, user_group
from apps.tenancy.acting import acting_tenant_id
from apps.tenancy.models import User
from apps.tenancy.sessions import session_uid

NOT_LOGGED_IN = 4401
CONNECT_AGAIN = 4408


class PageConsumer(AsyncJsonWebsocketConsumer):
    """Joins the tenant's group, or the admins', and its user's own. Messages name kind, id and change, nothing that needs permission."""

    groups_joined: tuple[str, ...] = ()

    async def connect(self) -> None:
        """Accept who is logged in."""
        await self.accept()
        user: object = self.scope.get("user")
        if not isinstance(user, User) or not user.is_active:
            await self.close(NOT_LOGGED_IN)
            return
        group = await database_sync_to_async(_group_of)(user, self.scope["session"])
        self.groups_joined = (group, user_group(user.pk))
        for name in self.groups_joined:
            await self.channel_layer.group_add(name, self.channel_name)
        await self.send_json({"ready": True})

    async def disconnect(self, code: int) -> None:
        """Leave the groups."""
        for name in self.groups_joined:
            await self.channel_layer.group_discard(name, self.channel_name)

    async def page_changed(self, message: dict[str, Any]) -> None:
        """Pass on what changed."""
        await self.send(text_data=_said(message["kind"], message["id"], message["change"]))

    async def page_closed(self, message: dict[str, Any]) -> None:
        """Somebody's sessions ended: all connect again, and whoever is logged out cannot."""
        await self.close(CONNECT_AGAIN)

    async def page_logged_out(self, message: dict[str, Any]) -> None:
        """Some of the user's sessions ended."""
        key = self.scope["session"].session_key
        if key is None or str(session_uid(key)) in message["sessions"]:
            await self.close(NOT_LOGGED_IN)


@lru_cache(maxsize=256)
def _said(kind: str, key: str, change: str) -> str:
    # The same text for every open page: with a thousand of them, making it anew is what a push would cost.
    return json.dumps({"kind": kind, "id": key, "change": change})


def _group_of(user: User, session: Any) -> str:
    if not user.is_platform_admin:
        return tenant_group(user.tenant_id)
    acting = acting_tenant_id(session)
    return tenant_group(acting) if acting is not None else ADMIN_GROUP
