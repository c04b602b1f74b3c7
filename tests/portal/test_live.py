"""The pages' WebSocket: who hears what."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from asgiref.testing import ApplicationCommunicator
from channels.layers import get_channel_layer
from django.contrib.auth.models import AnonymousUser

from apps.accounts.acting import ACTING_AS, SINCE
from apps.accounts.models import Tenant, User
from apps.lifecycle.push import ADMIN_GROUP, tenant_group
from apps.portal.consumers import PageConsumer
from apps.portal.page_access import NOT_LOGGED_IN

pytestmark = pytest.mark.django_db(transaction=True)
MESSAGE = {"type": "page.changed", "kind": "vm", "id": "1", "change": "updated"}


def socket(user: object, session: dict[str, Any] | None = None) -> ApplicationCommunicator:
    scope = {"type": "websocket", "path": "/ws/page/", "user": user, "session": session or {}}
    return ApplicationCommunicator(PageConsumer.as_asgi(), scope)


async def hears(communicator: ApplicationCommunicator, group: str) -> bool:
    await communicator.send_input({"type": "websocket.connect"})
    assert (await communicator.receive_output())["type"] == "websocket.accept"
    assert await received(communicator) == {"ready": True}
    await get_channel_layer().group_send(group, MESSAGE)
    if await communicator.receive_nothing(timeout=0.5):
        return False
    assert await received(communicator) == {"kind": "vm", "id": "1", "change": "updated"}
    return True


async def received(communicator: ApplicationCommunicator) -> Any:
    return json.loads((await communicator.receive_output())["text"])


run: Callable[[Callable[..., Awaitable[bool]]], Callable[..., bool]] = async_to_sync


@pytest.mark.requirement("UX-2")
def test_a_tenants_page_hears_of_its_own_tenant_only(alice: User, tenant_a: Tenant, tenant_b: Tenant) -> None:
    assert run(hears)(socket(alice), tenant_group(tenant_a.pk))
    assert not run(hears)(socket(alice), tenant_group(tenant_b.pk))
    assert not run(hears)(socket(alice), ADMIN_GROUP)


@pytest.mark.requirement("UX-2")
def test_an_admins_page_hears_of_all_and_while_acting_of_that_tenant(ada: User, tenant_a: Tenant) -> None:
    assert run(hears)(socket(ada), ADMIN_GROUP)
    assert run(hears)(socket(ada, {ACTING_AS: tenant_a.pk, SINCE: time.time()}), tenant_group(tenant_a.pk))
    assert not run(hears)(socket(ada, {ACTING_AS: tenant_a.pk, SINCE: time.time()}), ADMIN_GROUP)


@pytest.mark.requirement("UX-2")
def test_a_page_that_takes_nothing_holds_up_no_other(alice: User, tenant_a: Tenant) -> None:
    async def scenario() -> bool:
        opened: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        opened.put_nowait({"type": "websocket.connect"})
        stuck, never = asyncio.Event(), asyncio.Event()

        async def send(message: Any) -> None:
            if message["type"] == "websocket.send":
                stuck.set()
                await never.wait()

        scope: Any = {"type": "websocket", "path": "/ws/page/", "user": alice, "session": {}}
        page = asyncio.create_task(PageConsumer.as_asgi()(scope, opened.get, send))  # type: ignore[arg-type]
        async with asyncio.timeout(20):
            await stuck.wait()
            heard = await hears(socket(alice), tenant_group(tenant_a.pk))
        page.cancel()
        return heard

    assert async_to_sync(scenario)()


@pytest.mark.requirement("SE-1")
def test_nobody_anonymous_is_let_in() -> None:
    async def closed() -> int:
        communicator = socket(AnonymousUser())
        await communicator.send_input({"type": "websocket.connect"})
        await communicator.receive_output()
        return int((await communicator.receive_output())["code"])

    assert async_to_sync(closed)() == NOT_LOGGED_IN
