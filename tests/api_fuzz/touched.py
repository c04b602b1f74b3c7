"""Which of the product's files a made-up request is answered by: those of the app whose view it meets."""

from __future__ import annotations

import pytest

from tests.touched import WHAT_ANSWERS, of_route

#: What every request passes through.
KITS = WHAT_ANSWERS
NAME = "made-up requests"


def paths_of(item: pytest.Item) -> tuple[str, ...]:
    """Return where the view of the item's route stands, and how made-up requests are made."""
    return ("tests/api_fuzz/", *of_route(item))
