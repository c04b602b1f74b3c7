"""Telling open pages what changed, after commit. A page fetches what it shows; a message only names it."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Iterable
from functools import cache
from typing import Any
from uuid import UUID

import redis.exceptions
from channels.layers import get_channel_layer
from django.db import transaction

from apps.lifecycle.models import Operation, Resource

log = logging.getLogger(__name__)

ADMIN_GROUP = "pages.admin"


def tenant_group(tenant_id: object) -> str:
    """Name of the Channels group of a tenant's open pages."""
    return f"pages.{tenant_id}"


def resource_changed(resource: Resource, change: str = "updated") -> None:
    """Push that a resource was created, updated or deleted, when the transaction commits."""
    _push(resource.tenant_id, kind=resource.kind, id=resource.pk, change=change)


def row_changed(kind: str, key: object) -> None:
    """Push to the administrators that a row which is no resource changed, when the transaction commits."""
    message = {"type": "page.changed", "kind": kind, "id": str(key), "change": "updated"}
    transaction.on_commit(lambda: _send(None, message))


def many_changed(kind: str, tenant_ids: Iterable[int | None]) -> None:
    """Push that any of these tenants' resources of a kind may have changed, when the transaction commits.

    One message for each tenant instead of one for each resource; the id is "*".
    """
    message = {"type": "page.changed", "kind": kind, "id": "*", "change": "updated"}
    groups = [tenant_group(tenant_id) for tenant_id in tenant_ids if tenant_id is not None]
    transaction.on_commit(lambda: _send_to([ADMIN_GROUP, *groups], message) if groups else None)


def operation_changed(operation: Operation) -> None:
    """Push that an operation moved (and with it the resource it acts on)."""
    _push(operation.tenant_id, kind="operation", id=operation.pk, change="updated")
    _push(operation.tenant_id, kind=operation.target_kind, id=operation.target_id, change="updated")


def sessions_ended(tenant_id: int | None) -> None:
    """Have a tenant's (None: the admins') open pages connect again, when the transaction commits.

    Who may still be logged in comes back at once; who may not, hears nothing more.
    """
    group = ADMIN_GROUP if tenant_id is None else tenant_group(tenant_id)
    message = {"type": "page.closed"}
    transaction.on_commit(lambda: asyncio.run_coroutine_threadsafe(_deliver(group, message), _loop()))


def user_group(user_id: object) -> str:
    """Name of the Channels group of a user's open pages."""
    return f"pages.user.{user_id}"


def user_logged_out(user_id: int, sessions: Iterable[UUID]) -> None:
    """Close the pages that a user has open in these sessions, when the transaction commits."""
    message = {"type": "page.logged_out", "sessions": [str(uid) for uid in sessions]}
    transaction.on_commit(
        lambda: asyncio.run_coroutine_threadsafe(_deliver(user_group(user_id), message), _loop())
    )


def rights_changed(user_id: int) -> None:
    """Have a user's open pages connect again, when the transaction commits: they may now hear of other things."""
    message = {"type": "page.closed"}
    transaction.on_commit(
        lambda: asyncio.run_coroutine_threadsafe(_deliver(user_group(user_id), message), _loop())
    )


def _push(tenant_id: int | None, *, kind: str, id: UUID, change: str) -> None:
    message = {"type": "page.changed", "kind": kind, "id": str(id), "change": change}
    transaction.on_commit(lambda: _send(tenant_id, message))


def _send(tenant_id: int | None, message: dict[str, Any]) -> None:
    _send_to([ADMIN_GROUP] if tenant_id is None else [ADMIN_GROUP, tenant_group(tenant_id)], message)


def _send_to(groups: Iterable[str], message: dict[str, Any]) -> None:
    for group in groups:
        asyncio.run_coroutine_threadsafe(_deliver(group, message), _loop())


async def _deliver(group: str, message: dict[str, Any]) -> None:
    layer = get_channel_layer()
    assert layer is not None
    try:
        await layer.group_send(group, message)
    except (OSError, redis.exceptions.RedisError) as error:
        log.warning("push to %s lost: %s", group, error)


@cache
def _loop() -> asyncio.AbstractEventLoop:
    # One loop and one Redis connection per process; async_to_sync would open a connection per message.
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, name="push", daemon=True).start()
    return loop
