"""How wide columns are: by what they hold, not by what a row shows, so that no change of a row moves them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from apps.portal.column import Column

#: "" leaves it to the column: numbers are "number", anything else is "text".
Width = Literal[
    "", "name", "state", "text", "short", "address", "number", "time", "bar", "code", "long", "size"
]

#: In rem, as static/css/list-widths.css has them; a test compares the two. They are the least: what room there is more
#: goes to all columns alike.
REM: dict[str, float] = {
    "name": 12,
    "state": 9.25,
    "text": 7.5,
    "short": 6,
    "address": 7.5,
    "number": 5.5,
    "time": 9.75,
    "bar": 7,
    "code": 18,
    "long": 10,
    "size": 8.25,
}
#: The box that selects a row, a button on the row, and its menu.
PICK, BUTTON, MENU = 2.25, 1.75, 2.5
#: No list is narrower, but on a phone, which shows the name and what is not `wide`.
NARROWEST = 45.5
#: Widths of a list from which on a column is shown.
STEPS = (*range(46, 76), *range(76, 112, 4))
#: From this width on a list's buttons stand on its rows; below, they are in the row's menu only.
BUTTONS_FROM = 54


def rooms(columns: Sequence[Column], *, picks: bool, buttons: int, menu: bool) -> list[str]:
    """Return for each column the class that leaves it out where a list is too narrow for it and those before it.

    Those that are `kept` come before all others, wherever they stand.
    """
    acts = BUTTON * buttons
    taken = PICK * picks + MENU * menu
    found = [""] * len(columns)
    for place in sorted(range(len(columns)), key=lambda place: not columns[place].kept):
        taken += REM[columns[place].size]
        # What has room only without the buttons must still have it where they appear.
        room = taken if taken + acts <= BUTTONS_FROM else taken + acts
        found[place] = _class_from(room) if room > NARROWEST else ""
    return found


def buttons_room(buttons: int) -> str:
    """Return the class that leaves out the buttons of rows where a list is narrow."""
    return _class_from(BUTTONS_FROM) if buttons else ""


def _class_from(room: float) -> str:
    return f"room-{next((step for step in STEPS if step >= room), STEPS[-1])}"
