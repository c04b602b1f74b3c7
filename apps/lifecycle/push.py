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

#: Where something is: its tenant and project, by primary key. Without a project it is of the tenant as a whole.
Place = tuple[int | None, int | None]


def tenant_group(tenant_id: object) -> str:
    """Name of the Channels group of all open pages of a tenant."""
    return f"pages.{tenant_id}"


def whole_tenant_group(tenant_id: object) -> str:
    """Name of the group of those open pages of a tenant whose users see all of its projects."""
    return f"pages.{tenant_id}.whole"


def project_group(project_id: object) -> str:
    """Name of the group of open pages whose users have a role in the project."""
    return f"pages.project.{project_id}"


def granted_group(tenant_id: object) -> str:
    """Name of the group of a tenant's open pages whose users have roles on single resources.

    Its messages say which resources they are about; a page passes on those about its own (portal/push_groups.py).
    """
    return f"pages.{tenant_id}.granted"


def resource_changed(resource: Resource, change: str = "updated") -> None:
    """Push that a resource was created, updated or deleted, when the transaction commits."""
    place = (resource.tenant_id, resource.project_id)
    _push(place, resource.pk, kind=resource.kind, id=resource.pk, change=change)


def row_changed(kind: str, key: object) -> None:
    """Push to the administrators that a row which is no resource changed, when the transaction commits."""
    message = {"type": "page.changed", "kind": kind, "id": str(key), "change": "updated"}
    transaction.on_commit(lambda: _send_to([ADMIN_GROUP], message))


def many_changed(kind: str, places: Iterable[Place], granted: Iterable[UUID] = ()) -> None:
    """Push that any of the resources of a kind at these places may have changed, when the transaction commits.

    One message for each group instead of one for each resource; the id is "*". granted: those of the resources on
    which somebody has a role of their own.
    """
    message = {"type": "page.changed", "kind": kind, "id": "*", "change": "updated"}
    places = list(places)
    groups = list(dict.fromkeys(group for place in places for group in _groups(place)))
    transaction.on_commit(lambda: _send_to(groups, message))
    if about := [str(pk) for pk in granted]:
        single = list(dict.fromkeys(granted_group(tenant_id) for tenant_id, _project in places))
        transaction.on_commit(lambda: _send_to(single, {**message, "about": about}))


def operation_changed(operation: Operation) -> None:
    """Push that an operation moved (and with it the resource it acts on)."""
    # Kept on the operation: when it has deleted its resource, nothing else says where that was.
    place = (operation.tenant_id, operation.target_project)
    _push(place, operation.target_id, kind="operation", id=operation.pk, change="updated")
    _push(place, operation.target_id, kind=operation.target_kind, id=operation.target_id, change="updated")


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


def session_changed(user_id: int, sessions: Iterable[UUID]) -> None:
    """Have the pages that a user has open in these sessions connect again, when the transaction commits.

    They begin or end to show another tenant.
    """
    message = {"type": "page.session_changed", "sessions": [str(uid) for uid in sessions]}
    transaction.on_commit(
        lambda: asyncio.run_coroutine_threadsafe(_deliver(user_group(user_id), message), _loop())
    )


def rights_changed(user_id: int) -> None:
    """Have a user's open pages connect again, when the transaction commits: they may now hear of other things."""
    message = {"type": "page.closed"}
    transaction.on_commit(
        lambda: asyncio.run_coroutine_threadsafe(_deliver(user_group(user_id), message), _loop())
    )


def group_about(operation: Operation) -> str:
    """Return the narrowest group that hears what becomes of an operation."""
    return _groups((operation.tenant_id, operation.target_project))[-1]


def _push(place: Place, resource_id: UUID, *, kind: str, id: UUID, change: str) -> None:
    message = {"type": "page.changed", "kind": kind, "id": str(id), "change": change}
    transaction.on_commit(lambda: _send_to(_groups(place), message))
    tenant_id, project_id = place
    if project_id is not None:
        single = {**message, "about": [str(resource_id)]}
        transaction.on_commit(lambda: _send_to([granted_group(tenant_id)], single))


def _groups(place: Place) -> list[str]:
    """Return the groups that may know of what is there, and no others: members see their own projects only."""
    tenant_id, project_id = place
    if tenant_id is None:
        return [ADMIN_GROUP]
    if project_id is None:
        return [ADMIN_GROUP, tenant_group(tenant_id)]
    return [ADMIN_GROUP, whole_tenant_group(tenant_id), project_group(project_id)]


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
