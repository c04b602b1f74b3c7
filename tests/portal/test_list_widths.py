"""Columns have widths by what they hold: those of the code are those of the style sheet, and the usual columns fit."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings

from apps.accounts.models import User
from apps.lifecycle.actor import Actor
from apps.network.models import Subnet
from apps.portal.column import Column
from apps.portal.kind_registry import list_pages
from apps.portal.lists import ListPage
from apps.portal.widths import BUTTON, BUTTONS_FROM, MENU, NARROWEST, PICK, REM, STEPS, buttons_room, rooms
from tests import factories
from tests.compute.factories import Cloud, make_vm
from tests.portal.test_lists import shown
from tests.portal.test_lists_everywhere import EVERYWHERE, columns_of

pytestmark = pytest.mark.requirement("UX-13")

CSS = (Path(settings.BASE_DIR) / "static" / "css" / "list-widths.css").read_text()
#: What the window has beside the list: margins; from 62rem on the navigation and a scroll bar too (shell.css), which
#: grow with the window between two widths (tokens.css).
MARGINS, NARROW_NAVIGATION, WITH_NAVIGATION = 2.5, 16, 19.5
NAVIGATION_FROM, GROWS_FROM, GROWS_TO = 62, 64, 76


def window_of(step: float) -> float:
    """Return the window, at least 62rem wide, in which a list is so wide."""
    if step <= GROWS_FROM - NARROW_NAVIGATION:
        return step + NARROW_NAVIGATION
    if step >= GROWS_TO - WITH_NAVIGATION:
        return step + WITH_NAVIGATION
    growth = (WITH_NAVIGATION - NARROW_NAVIGATION) / (GROWS_TO - GROWS_FROM)
    return GROWS_FROM + (step + NARROW_NAVIGATION - GROWS_FROM) / (1 - growth)


def test_the_style_sheet_has_the_widths_of_the_code() -> None:
    for name, rem in REM.items():
        assert f".held .w-{name} {{ width: {rem:g}rem; }}" in CSS
    assert f".held .row-pick {{ width: {PICK:g}rem; }}" in CSS
    assert f".held .row-menu {{ width: {MENU:g}rem; }}" in CSS
    assert f".held .acts-3 {{ width: {3 * BUTTON:g}rem; }}" in CSS
    assert "table-layout: fixed" in CSS


def test_a_column_is_left_out_where_the_list_is_too_narrow_for_it() -> None:
    rules = dict(re.findall(r"@media (.*) \{ \.room-(\d+) \{ display: none; \} \}", CSS))
    limits = {int(step): media for media, step in rules.items()}
    assert list(limits) == list(STEPS)
    for step, media in limits.items():
        wide = re.search(r"\(min-width: 62rem\) and \(max-width: ([\d.]+)rem\)", media)
        assert (wide is None) == (window_of(step) <= NAVIGATION_FROM)
        assert wide is None or float(wide[1]) == pytest.approx(window_of(step) - 0.01, abs=0.01)
        narrow = re.search(r"\(min-width: 48rem\) and \(max-width: ([\d.]+)rem\)", media)
        expected = min(step + MARGINS, NAVIGATION_FROM) - 0.01
        assert narrow is None if expected < 48 else narrow is not None
        assert narrow is None or float(narrow[1]) == pytest.approx(expected)


@EVERYWHERE
def test_the_usual_columns_are_shown_at_some_width_and_the_first_at_any(
    path: str, page: type[ListPage]
) -> None:
    columns = [column for column in columns_of(path, page) if not column.hidden]
    needed = rooms(columns, picks=True, buttons=len(page.row_actions), menu=True)
    assert needed[0] == ""
    total = PICK + BUTTON * len(page.row_actions) + MENU + sum(REM[column.size] for column in columns)
    assert total <= STEPS[-1], "the widest list has no room for all of them"
    assert [name for name in needed if name and int(name.removeprefix("room-")) < NARROWEST] == []


def test_what_one_has_chosen_is_never_left_out(
    owner: Actor, alice: User, cloud: Cloud, subnet: Subnet
) -> None:
    make_vm(owner, cloud, subnet)
    client = factories.page_client(alice)
    assert "room-" in shown(client, "/vms/")
    chosen: dict[str, Any] = {
        "list": "portal.vm",
        "columns": ["name", "mac", "id", "description", "created", "vpc"],
    }
    client.post("/lists/settings/", {**chosen, "next": "/vms/"})
    assert "room-" not in shown(client, "/vms/")


def test_what_matters_of_a_vm_is_shown_in_a_window_of_1024_px() -> None:
    for area, more in (("portal", {"project"}), ("admin", {"host"})):
        page = list_pages(area)["vm"]
        columns = [
            c for c in columns_of(f"/{area}/", page) if not c.hidden and (area == "admin" or not c.admin)
        ]
        needed = rooms(columns, picks=True, buttons=len(page.row_actions), menu=True)
        room = 1024 / 16 - NARROW_NAVIGATION
        shown = {
            column.name
            for column, css in zip(columns, needed, strict=True)
            if not css or int(css.removeprefix("room-")) <= room
        }
        assert shown >= {"name", "state", "ip", "size"} | more


def test_a_wider_list_never_leaves_out_what_a_narrower_one_shows() -> None:
    columns = [Column(str(number), "x", width="state", kept=number > 2) for number in range(6)]
    needed = rooms(columns, picks=True, buttons=3, menu=True)
    for css in filter(None, needed):
        step = int(css.removeprefix("room-"))
        beside = BUTTON * 3 if step >= BUTTONS_FROM else 0
        before = [c for c, other in zip(columns, needed, strict=True) if not other or int(other[5:]) <= step]
        assert PICK + MENU + beside + sum(REM[column.size] for column in before) <= step
    assert buttons_room(3) == f"room-{BUTTONS_FROM}"
