"""The menus: what each app declares, in its section and at its place."""

from __future__ import annotations

import pytest
from django.urls import NoReverseMatch, reverse

from apps.portal import navigation
from apps.portal.slots import MENU, MenuSlot, Section

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("UX-6")]

#: Those of the first kinds; others may stand between them.
PORTAL = {
    "": ["home"],
    "Compute": ["vm", "image", "key_pair", "disk"],
    "Network": ["vpc", "subnet", "security_group"],
    "Account": ["operation", "audit", "quota", "member", "project", "resource_role", "api_key"],
}
ADMIN = {
    "": ["home"],
    "Platform": ["region", "compute_cluster", "host", "storage_cluster", "vpc_range"],
    "Resources": ["vm", "disk", "vpc", "subnet", "security_group", "image", "instance_type"],
    "Operations": ["operation", "finding", "audit", "tenant", "admin_user", "api_key", "settings"],
}


@pytest.mark.parametrize(("area", "menu"), [("portal", PORTAL), ("admin", ADMIN)])
def test_each_section_has_its_entries_in_order(area: str, menu: dict[str, list[str]]) -> None:
    wanted = {
        label: [
            reverse(f"{area}:{name if name in ('home', 'settings') else f'{name}.list'}") for name in names
        ]
        for label, names in menu.items()
    }
    shown = navigation.links(area, "/")
    known = {url for urls in wanted.values() for url in urls}
    assert {str(label): [link.url for link in links if link.url in known] for label, links in shown} == wanted


def test_every_entry_leads_to_a_page_of_the_areas_it_names() -> None:
    for slot in MENU:
        for area, place in (("portal", slot.portal), ("admin", slot.admin)):
            try:
                exists = bool(reverse(f"{area}:{slot.name}"))
            except NoReverseMatch:
                exists = False
            assert exists or place is None, f"{slot.name} of {area}"


def test_an_app_puts_an_entry_at_its_place(monkeypatch: pytest.MonkeyPatch) -> None:
    added = MenuSlot("nic.list", "NICs", "plug", portal=(Section.NETWORK, 15))
    nowhere = MenuSlot("tunnel.list", "Tunnels", "plug", portal=(Section.NETWORK, 16), admin=(Section.TOP, 2))
    monkeypatch.setattr(MENU, "_fillings", [*MENU, added, nowhere])
    monkeypatch.setattr(navigation, "reverse", _reverse)
    (labels,) = [
        [str(link.label) for link in links]
        for label, links in navigation.links("portal", "/")
        if label == "Network"
    ]
    assert labels[:3] == ["VPCs", "NICs", "Subnets"]


def _reverse(name: str) -> str:
    return "/nics/" if name == "portal:nic.list" else reverse(name)
