"""The world of the security tests, and the documented API on top of it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.api_fuzz.sending import one_connection
from tests.security.conftest import world

__all__ = ["world"]


@pytest.fixture(scope="module", autouse=True)
def requests_share_a_connection() -> Iterator[None]:
    with one_connection():
        yield
