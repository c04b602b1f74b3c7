"""Which of the product's files a made-up request is answered by: those of the app whose view it meets."""

from __future__ import annotations

import pytest

from tests.touched import of_route

NAME = "made-up requests"


def paths_of(item: pytest.Item) -> tuple[str, ...]:
    """Return where the view of the item's route stands, and how made-up requests are made."""
    return ("tests/api_fuzz/", *of_route(item))
