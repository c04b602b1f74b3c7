"""What a host may say of itself: types that messages are checked against when they are read.

A host that is not itself any more can lie, but only within what a column holds: one bad message must not keep the
collector from everybody else's.
"""

import re
from datetime import UTC, datetime
from typing import Annotated

from msgspec import Meta

_ID = r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$"
Id = Annotated[str, Meta(pattern=_ID, max_length=36)]
_PRINTABLE = r"^[^\x00-\x1f\x7f]*\Z"  # not $, which lets a line feed at the end through
Word = Annotated[str, Meta(pattern=_PRINTABLE, max_length=16)]
Version = Annotated[str, Meta(pattern=_PRINTABLE, max_length=32)]
Mark = Annotated[str, Meta(pattern=_PRINTABLE, max_length=64)]
Line = Annotated[str, Meta(pattern=_PRINTABLE, max_length=128)]
Mac = Annotated[str, Meta(pattern=r"^[0-9a-f]{2}(:[0-9a-f]{2}){5}\Z", max_length=17)]
Port = Annotated[int, Meta(ge=1, le=65535)]
MOST_NUMBER, MOST_COUNT = 2**31 - 1, 2**63 - 1
Number = Annotated[int, Meta(ge=0, le=MOST_NUMBER)]
Counter = Annotated[int, Meta(ge=0, le=MOST_COUNT)]
Measure = Annotated[float, Meta(ge=0, le=1e9)]
Moment = Annotated[datetime, Meta(tz=True)]
"""With a time zone; whoever holds one checks it by `check_moment`."""
Seconds = Annotated[float, Meta(ge=-1e12, le=1e12)]
FileName = Annotated[str, Meta(max_length=255)]
"""Any name a file can have; what is to be an identifier is checked by whoever takes it for one."""

MOST_VMS = 4096
"""On one host."""
MOST_FILES = 1_000_000
"""In one pool."""
EARLIEST, LATEST = datetime(2000, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)


def check_moment(moment: datetime) -> None:
    """Raise ValueError for a time that no clock shows: PostgreSQL holds some that Python cannot read back."""
    # By the year first: near the ends of the calendar the comparison itself would overflow.
    if not (EARLIEST.year <= moment.year <= LATEST.year and EARLIEST <= moment <= LATEST):
        raise ValueError(f"{moment} is no time of a clock")


def is_id(text: str) -> bool:
    """Return whether it has the form of an identifier: what is called otherwise is not ours."""
    return re.fullmatch(_ID, text) is not None


def clamped(value: int, most: int) -> int:
    """Return the nearest that can be: what a guest says of itself must not make its host's whole message void."""
    return max(0, min(value, most))
