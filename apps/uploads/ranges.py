"""The part of a file that a request asks for (RFC 9110, section 14): one range of bytes, or all of it."""

from __future__ import annotations

import re
from dataclasses import dataclass

_ONE_RANGE = re.compile(r"bytes=[ \t]*(\d{0,19})-(\d{0,19})[ \t]*")


class Unsatisfiable(Exception):
    """The file has no byte of the range."""


@dataclass(frozen=True)
class Span:
    """Bytes `start` to `end` (not included) of a file of `size` bytes."""

    start: int
    end: int
    size: int

    @property
    def length(self) -> int:
        """How many bytes these are."""
        return self.end - self.start

    @property
    def is_all(self) -> bool:
        """Whether it is the whole file."""
        return self.length == self.size

    @property
    def content_range(self) -> str:
        """The header of a 206."""
        return f"bytes {self.start}-{self.end - 1}/{self.size}"


def span_of(header: str, size: int) -> Span | None:
    """Return the range that is asked for; None where none is, or what may be ignored: several, or no range at all.

    Raises Unsatisfiable.
    """
    found = _ONE_RANGE.fullmatch(header)
    if found is None or found.group(1, 2) == ("", ""):
        return None
    first, last = found.groups()
    if not first:  # the last so many bytes
        start, end = max(size - int(last), 0), size
    else:
        start, end = int(first), min(int(last) + 1, size) if last else size
        if last and int(last) < start:
            return None  # no range, by the RFC
    if start >= end:
        raise Unsatisfiable
    return Span(start, end, size)
