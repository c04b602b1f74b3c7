"""How wide columns are: by what they hold, not by what a row shows, so that no change of a row moves them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from apps.portal.column import Column

#: "" leaves it to the column: numbers are "number", anything else is "text".
Width = Literal["", "name", "state", "text", "short", "address", "number", "time", "bar", "code", "long"]

#: In rem, as static/css/list-widths.css has them; a test compares the two.
REM: dict[str, float] = {
    "name": 13.5,
    "state": 10,
    "text": 8.5,
    "short": 6.25,
    "address": 8.75,
    "number": 6.5,
    "time": 10,
    "bar": 9,
    "code": 20,
    "long": 17,
}
#: The box that selects a row, a button on the row, and its menu.
PICK, BUTTON, MENU = 2.25, 2, 2.75
#: Columns are left out at the widths of static/css/list-widths.css: from the narrowest list to the widest.
NARROWEST, WIDEST, STEP = 36, 104, 4


def rooms(columns: Sequence[Column], *, picks: bool, buttons: int, menu: bool) -> list[str]:
    """Return for each column the class that leaves it out where a list is too narrow for it and those before it."""
    taken = PICK * picks + BUTTON * buttons + MENU * menu
    found = []
    for column in columns:
        taken += REM[column.size]
        needed = NARROWEST + STEP * max(0, -int(-(taken - NARROWEST) // STEP))
        found.append(f"room-{needed}" if needed > NARROWEST else "")
    return found
