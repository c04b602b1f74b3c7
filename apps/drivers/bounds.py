"""What a host may say of itself: types that messages are checked against when they are read.

A host that is not itself any more can lie, but only within what a column holds: one bad message must not keep the
collector from everybody else's.
"""

from datetime import datetime
from typing import Annotated

from msgspec import Meta

Id = Annotated[str, Meta(pattern=r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$", max_length=36)]
_PRINTABLE = r"^[^\x00-\x1f\x7f]*$"
Word = Annotated[str, Meta(pattern=_PRINTABLE, max_length=16)]
Version = Annotated[str, Meta(pattern=_PRINTABLE, max_length=32)]
Mark = Annotated[str, Meta(pattern=_PRINTABLE, max_length=64)]
Line = Annotated[str, Meta(pattern=_PRINTABLE, max_length=128)]
Port = Annotated[int, Meta(ge=1, le=65535)]
Number = Annotated[int, Meta(ge=0, le=2**31 - 1)]
Counter = Annotated[int, Meta(ge=0, le=2**63 - 1)]
Measure = Annotated[float, Meta(ge=0, le=1e9)]
Moment = Annotated[datetime, Meta(tz=True)]
