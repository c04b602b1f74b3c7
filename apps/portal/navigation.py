"""The menus of both portals, made of what each app declares in its `slots.py`.

An entry whose page does not exist in an area is left out there.
"""

from __future__ import annotations

from dataclasses import dataclass

from django.urls import NoReverseMatch, reverse

from apps.portal.kinds import Text
from apps.portal.slots import BADGES, MenuSlot, menu_of


@dataclass(frozen=True)
class Link:
    label: Text
    icon: str
    url: str
    here: bool
    badge: int = 0


def links(area: str, path: str) -> list[tuple[Text, list[Link]]]:
    """Return the sections with the entries that exist in the area, the one `path` is in marked."""
    found = [
        (section.label, [link for slot in slots if (link := _link(slot, area, path))])
        for section, slots in menu_of(area)
    ]
    return [(label, entries) for label, entries in found if entries]


def _link(slot: MenuSlot, area: str, path: str) -> Link | None:
    try:
        url = reverse(f"{area}:{slot.name}")
    except NoReverseMatch:
        return None
    here = path == url if slot.name == "home" else path.startswith(url)
    badge = sum(each.count() for each in BADGES if each.entry == f"{area}:{slot.name}")
    return Link(slot.label, slot.icon, url, here, badge)


def kinds(area: str, names: tuple[str, ...]) -> list[tuple[str, Link]]:
    """Return the list pages of these kinds, as far as the area has them."""
    entries = {slot.name: slot for _section, slots in menu_of(area) for slot in slots}
    wanted = [(kind, entries[f"{kind}.list"]) for kind in names if f"{kind}.list" in entries]
    return [(kind, link) for kind, slot in wanted if (link := _link(slot, area, "")) is not None]
