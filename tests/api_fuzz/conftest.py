"""The world of the security tests, and the documented API on top of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.api_fuzz.sending import held, one_connection
from tests.security.conftest import world
from tests.security.world import World

__all__ = ["world"]


@pytest.fixture(scope="module")
def before(world: World, django_db_blocker: Any) -> dict[str, object]:
    """Return what the tables hold before each request, as each is rolled back."""
    with django_db_blocker.unblock():
        return held()


@pytest.fixture(scope="module", autouse=True)
def requests_share_a_connection() -> Iterator[None]:
    with one_connection():
        yield
