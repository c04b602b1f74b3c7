"""Icons: a kind has the same one everywhere, and no other kind has it."""

from __future__ import annotations

from collections import defaultdict

import pytest
from django.urls import NoReverseMatch, resolve, reverse

from apps.portal import navigation

pytestmark = pytest.mark.requirement("UX-14")
#: Both are people who log in.
SHARED = {"users": {"member.list", "admin_user.list"}}


def test_a_menu_entry_has_one_icon_in_both_portals_and_no_other_entry_has_it() -> None:
    entries_with: dict[str, set[str]] = defaultdict(set)
    for group in (*navigation.TENANT, *navigation.ADMIN):
        for entry in group.entries:
            entries_with[entry.icon].add(entry.name)
    wrong = {icon: names for icon, names in entries_with.items() if len(names) > 1}
    assert wrong == SHARED


@pytest.mark.parametrize("area", ["portal", "admin"])
def test_a_kinds_pages_have_the_icon_of_its_menu_entry(area: str) -> None:
    groups = navigation.ADMIN if area == "admin" else navigation.TENANT
    for entry in (entry for group in groups for entry in group.entries):
        try:
            view = resolve(reverse(f"{area}:{entry.name}")).func
        except NoReverseMatch:
            continue
        kind = getattr(view.view_class, "of", None)  # type: ignore[attr-defined]
        assert kind is None or kind.icon == entry.icon, entry.name
