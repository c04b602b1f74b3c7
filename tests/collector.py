"""Python's garbage collector in tests: it leaves alone what was imported and collected, and runs less often.

A full collection walks all of the product, its libraries and thousands of test items.
"""

from __future__ import annotations

import gc

import pytest

#: Objects made since the last collection; Python's default is 700.
THRESHOLD = 50_000


def pytest_configure() -> None:
    gc.set_threshold(THRESHOLD, 20, 100)


@pytest.hookimpl(trylast=True)
def pytest_collection_finish() -> None:
    gc.collect()
    gc.freeze()
