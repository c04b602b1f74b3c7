"""OP-1, SE-1: a change that cannot be answered is not made, at any endpoint, with a key or in a session."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import transaction
from django.urls import reverse
from rest_framework.renderers import JSONRenderer

from apps.lifecycle.models import Operation
from apps.tenancy.models import User
from tests.security.answers import API, PEOPLE, ROLES
from tests.security.bodies import API_BODIES
from tests.security.test_every_route import ROUTES, _accepted, send
from tests.security.world import World

pytestmark = pytest.mark.requirement("OP-1")

#: A bulk request is a transaction for each row: what was done stands in its batch, and is answered again.
CHANGING = sorted(
    row
    for row, answers in API.items()
    if not row.endswith(" GET") and "bulk" not in row and "ok" in answers.split()[: len(PEOPLE)]
)


def who_may(row: str) -> str:
    words = dict(zip(ROLES, API[row].split(), strict=True))
    return [role for role in PEOPLE if words[role] == "ok"][-1]


class CannotRender(Exception):
    """Stands for any bug in drawing up an answer."""


@pytest.fixture
def nothing_can_be_rendered(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    def broken(*args: Any, **kwargs: Any) -> bytes:
        raise CannotRender

    with monkeypatch.context() as patch:
        patch.setattr(JSONRenderer, "render", broken)
        yield


def held() -> dict[str, object]:
    return {
        **_accepted(),
        "operations": list(Operation.objects.order_by("pk").values_list("pk", "status", "stopping")),
        "users": list(User.objects.order_by("pk").values_list("first_name", "email", "language", "password")),
    }


@pytest.mark.parametrize("row", CHANGING)
def test_what_cannot_be_answered_is_not_done(row: str, world: World, nothing_can_be_rendered: None) -> None:
    name, method = row.split(" ")
    before = held()
    with transaction.atomic():
        try:
            response = send(world, who_may(row), ROUTES[name], method)
        except CannotRender:
            assert held() == before, f"{row}: answered 500, yet something changed"
        else:
            assert not response.content, f"{row}: {response.status_code} without being rendered"
        transaction.set_rollback(True)


@pytest.mark.requirement("AC-4")
@pytest.mark.parametrize("row", CHANGING)
def test_no_change_in_a_session_ends_in_a_bug(row: str, world: World) -> None:
    name, method = row.split(" ")
    route = ROUTES[name]
    with transaction.atomic():
        url = reverse(name, kwargs={"key": world.keys[route.segment]} if route.takes_key else None)
        body = json.dumps(API_BODIES.get(row, lambda _world: {})(world))
        browser = world.browser(who_may(row))
        response = browser.generic(method, url, data=body, content_type="application/json")
        assert response.status_code < 500, response.content
        transaction.set_rollback(True)
