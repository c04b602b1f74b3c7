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
from apps.portal.lists import ListPage
from apps.portal.widths import BUTTON, MENU, NARROWEST, PICK, REM, STEPS, rooms
from tests import factories
from tests.compute.factories import Cloud, make_vm
from tests.portal.test_lists import shown
from tests.portal.test_lists_everywhere import EVERYWHERE, columns_of

pytestmark = pytest.mark.requirement("UX-13")

CSS = (Path(settings.BASE_DIR) / "static" / "css" / "list-widths.css").read_text()
#: What the window has beside the list: margins; from 62rem on the navigation and a scroll bar too (shell.css).
MARGINS, WITH_NAVIGATION = 2.5, 19.5
NAVIGATION_FROM = 62


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
        assert wide is not None and float(wide[1]) == pytest.approx(step + WITH_NAVIGATION - 0.01)
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
