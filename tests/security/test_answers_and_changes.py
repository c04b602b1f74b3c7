"""OP-1, SE-1: a change that cannot be answered is not made, at any endpoint, with a key or in a session."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.db import transaction
from rest_framework.renderers import JSONRenderer

from tests.security.answers import API
from tests.security.sending import ROUTES, accepted, accepted_before, send
from tests.security.words import PEOPLE, ROLES
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


@pytest.mark.parametrize("row", CHANGING)
def test_what_cannot_be_answered_is_not_done(row: str, world: World, nothing_can_be_rendered: None) -> None:
    name, method = row.split(" ")
    before = accepted_before(world)
    with transaction.atomic():
        try:
            response = send(world, who_may(row), ROUTES[name], method)
        except CannotRender:
            assert accepted() == before, f"{row}: answered 500, yet something changed"
        else:
            assert not response.content, f"{row}: {response.status_code} without being rendered"
        transaction.set_rollback(True)
