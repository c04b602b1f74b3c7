"""SE-1: WebSockets through the whole application: who may stay connected. Who hears what: tests/portal/test_live.py."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from asgiref.sync import async_to_sync, sync_to_async
from asgiref.testing import ApplicationCommunicator

from apps.accounts.keys import issue_key
from apps.accounts.models import Tenant, User
from apps.tenancy.services.members import deactivate_member
from apps.tenancy.services.tenants import disable_tenant
from scloud_console.asgi import application
from tests.factories import acting_client, actor_for_user, page_client
from tests.security.answers import WEBSOCKETS
from tests.security.routes import all_websockets
from tests.security.words import KEYS, ROLES

pytestmark = [pytest.mark.requirement("SE-1"), pytest.mark.django_db(transaction=True)]


def _headers(user: User | None, origin: str) -> list[tuple[bytes, bytes]]:
    headers = [(b"origin", origin.encode()), (b"host", b"localhost")]
    if user is not None:
        session = page_client(user).cookies["sessionid"].value
        headers.append((b"cookie", f"sessionid={session}".encode()))
    return headers


def _headers_of(role: str, request: pytest.FixtureRequest) -> list[tuple[bytes, bytes]]:
    if role == "nobody":
        return _headers(None, "http://localhost")
    if role in KEYS:
        _key, token = issue_key(request.getfixturevalue("alice"), role, role.removesuffix(" key"), None)
        return [*_headers(None, "http://localhost"), (b"authorization", f"Bearer {token}".encode())]
    if role == "acting":
        browser = acting_client(request.getfixturevalue("ada"), request.getfixturevalue("tenant_a"))
        session = browser.cookies["sessionid"].value
        return [*_headers(None, "http://localhost"), (b"cookie", f"sessionid={session}".encode())]
    return _headers(request.getfixturevalue(role), "http://localhost")


def _stays(path: str, headers: list[tuple[bytes, bytes]]) -> bool:
    """Whether the server keeps the connection: it says that it is ready, or it closes."""
    scope = {
        "type": "websocket",
        "path": f"/{path}",
        "headers": headers,
        "query_string": b"",
        "subprotocols": [],
    }

    async def connect() -> dict[str, Any]:
        connection = ApplicationCommunicator(application, scope)
        await connection.send_input({"type": "websocket.connect"})
        answer: dict[str, Any] = await connection.receive_output(timeout=20)
        if answer["type"] == "websocket.accept":
            answer = await connection.receive_output(timeout=20)
        await connection.send_input({"type": "websocket.disconnect", "code": 1000})
        await connection.wait(timeout=20)
        return answer

    return bool(async_to_sync(connect)()["type"] == "websocket.send")


def test_every_websocket_has_a_row() -> None:
    assert sorted(all_websockets()) == sorted(WEBSOCKETS)


@pytest.mark.parametrize("path", WEBSOCKETS)
@pytest.mark.parametrize("role", ROLES)
def test_each_role_stays_or_is_closed_as_the_table_says(
    path: str, role: str, request: pytest.FixtureRequest
) -> None:
    word = dict(zip(ROLES, WEBSOCKETS[path].split(), strict=True))[role]
    assert _stays(path, _headers_of(role, request)) == (word == "ok")


def test_a_page_of_another_site_cannot_connect(alice: User) -> None:
    assert not _stays("ws/page/", _headers(alice, "http://evil.example"))


def test_a_disabled_tenants_page_cannot_connect(alice: User) -> None:
    headers = _headers(alice, "http://localhost")
    Tenant.objects.update(enabled=False)
    assert not _stays("ws/page/", headers)


@pytest.mark.parametrize("end", [disable_tenant, deactivate_member])
def test_a_page_that_is_open_is_closed_when_its_session_ends(
    alice: User, vera: User, ada: User, end: Callable[..., object]
) -> None:
    headers = _headers(vera, "http://localhost")
    scope = {
        "type": "websocket",
        "path": "/ws/page/",
        "headers": headers,
        "query_string": b"",
        "subprotocols": [],
    }

    async def scenario() -> list[str]:
        connection = ApplicationCommunicator(application, scope)
        await connection.send_input({"type": "websocket.connect"})
        said = [(await connection.receive_output(timeout=20))["type"] for _ in range(2)]
        target = vera.tenant if end is disable_tenant else vera
        await sync_to_async(end)(actor_for_user(ada), target)
        said.append((await connection.receive_output(timeout=20))["type"])
        return said

    assert async_to_sync(scenario)() == ["websocket.accept", "websocket.send", "websocket.close"]
    assert not _stays("ws/page/", headers)
