"""The OpenAPI document, read once in a process. tests/api/test_schema.py proves that it is what the code says."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import yaml

PATH = Path(__file__).resolve().parent.parent / "docs" / "openapi.yaml"


def parsed(text: str | bytes) -> dict[str, Any]:
    """Return a document's content; the loader in C takes a fifth of the time."""
    found: dict[str, Any] = yaml.load(text, Loader=yaml.CSafeLoader)  # safe, whatever the text
    return found


@cache
def committed() -> dict[str, Any]:
    """Return the document as it is committed; it is shared, so do not change it."""
    return parsed(PATH.read_text())
