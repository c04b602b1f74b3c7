"""Icons: a kind has the same one everywhere, and no other kind has it."""

from __future__ import annotations

from collections import defaultdict

import pytest
from django.urls import NoReverseMatch, resolve, reverse

from apps.portal.slots import MENU, menu_of

pytestmark = pytest.mark.requirement("UX-14")
#: Both are people who log in.
SHARED = {"users": {"member.list", "admin_user.list"}}


def test_a_menu_entry_has_one_icon_in_both_portals_and_no_other_entry_has_it() -> None:
    entries_with: dict[str, set[str]] = defaultdict(set)
    for slot in MENU:
        entries_with[slot.icon].add(slot.name)
    wrong = {icon: names for icon, names in entries_with.items() if len(names) > 1}
    assert wrong == SHARED


@pytest.mark.parametrize("area", ["portal", "admin"])
def test_a_kinds_pages_have_the_icon_of_its_menu_entry(area: str) -> None:
    for entry in (slot for _section, slots in menu_of(area) for slot in slots):
        try:
            view = resolve(reverse(f"{area}:{entry.name}")).func
        except NoReverseMatch:
            continue
        kind = getattr(view.view_class, "of", None)  # type: ignore[attr-defined]
        assert kind is None or kind.icon == entry.icon, entry.name
