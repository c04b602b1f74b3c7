"""How the place of a row stands in a cursor."""

from __future__ import annotations

import json
from typing import Any


class Utf8Json:
    """JSON for signed texts. Django's own writes an emoji in 12 bytes: behind a page of long names was no next one."""

    @staticmethod
    def dumps(value: Any) -> bytes:
        """Return the value as text."""
        return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()

    @staticmethod
    def loads(text: bytes) -> Any:
        """Return the value of a text."""
        return json.loads(text)


def plain(value: Any) -> Any:
    """Return a column's value as JSON has it; times to the microsecond, which Django's own encoder cuts."""
    if value is None or isinstance(value, (int, float)):
        return value
    return value.isoformat() if hasattr(value, "isoformat") else str(value)
