"""A made-up app fills every slot of the VM's pages: what it adds shows in both portals and obeys rights."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from importlib import import_module
from types import ModuleType
from typing import Any

import pytest
from django.apps import apps
from django.db.models import QuerySet
from django.test import Client
from django.urls import clear_url_caches, include, path

from apps.accounts.access import allow
from apps.accounts.models import User
from apps.compute.models import Vm
from apps.compute.pages.vms import VM, VmDetail, VmList
from apps.lifecycle import acts, verbs
from apps.lifecycle.actor import Actor
from apps.lifecycle.models import Event
from apps.lifecycle.slots import Slot
from apps.lifecycle.verbs import Verb
from apps.network.models import Subnet
from apps.portal import urls as portal_urls
from apps.portal.columns import Column
from apps.portal.dependencies import Related
from apps.portal.detail import DetailPage, Notice, Property, Tab
from apps.portal.kind_urls import kind_paths
from apps.portal.kinds import Do
from apps.portal.slots import (
    ACTIONS,
    BADGES,
    COLUMNS,
    FACTS,
    NOTICES,
    RELATED,
    TABS,
    TILES,
    TIMELINES,
    ActionSlot,
    BadgeSlot,
    ColumnSlot,
    FactSlot,
    NoticeSlot,
    RelatedSlot,
    TabSlot,
    TileSlot,
    TimelineSlot,
)
from apps.portal.timeline import Moment
from tests import factories
from tests.compute.factories import Cloud, make_vm

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("UX-6")]

ROOT = "tests_slots_urls"


def notes_of(actor: Actor, row: Any) -> QuerySet[Any]:
    return Event.objects.filter(code="note")


def drawn(keys: Sequence[int], area: str) -> Mapping[int, Moment]:
    found = Event.objects.in_bulk(keys)
    return {pk: Moment(event.at, f"Noted in {area}: {event.message}") for pk, event in found.items()}


@pytest.fixture
def flagged() -> list[str]:
    """The names of VMs that were flagged."""
    return []


@pytest.fixture
def notes(monkeypatch: pytest.MonkeyPatch, settings: Any, flagged: list[str]) -> None:
    """Install the app: its verbs, its fillings, and the paths that follow from them."""
    acts.has_service("vm.start")  # before the tables are copied
    monkeypatch.setattr(verbs, "_table", dict(verbs._table))
    flag = verbs.declare(Verb("vm.flag", "Flag", "Flagging", exclusive=False))
    seize = verbs.declare(Verb("vm.seize", "Seize", "Seizing", permission="admin", exclusive=False))

    monkeypatch.setattr(acts, "_services", dict(acts._services))

    @acts.serves(flag, seize)
    def mark(actor: Actor, vm: Vm) -> None:
        allow(actor, flag, project=vm.project, tenant_id=vm.tenant_id)
        flagged.append(vm.name)

    def add(slot: Slot[Any], *fillings: object) -> None:
        monkeypatch.setattr(slot, "_fillings", [*slot, *fillings])

    add(
        ACTIONS,
        ActionSlot("vm", Do(flag), after="start", primary=True),
        ActionSlot("vm", Do(seize)),
    )
    add(
        TABS,
        TabSlot("vm", Tab("notes", "Notes", "portal/tab_overview.html", said), after="network"),
        TabSlot("vm", Tab("secrets", "Secrets", "portal/tab_overview.html", said, admin=True)),
    )
    add(
        NOTICES,
        NoticeSlot(lambda page, row: Notice(f"Mind {row.name}.", [("Why", "/why/")]), "vm"),
        NoticeSlot(lambda page, row: Notice("Not of this kind."), "disk"),
    )
    add(FACTS, FactSlot("vm", lambda page, row: [Property("Notes", f"3 in {page.area}")]))
    add(
        COLUMNS,
        ColumnSlot("vm", Column("notes", "Notes taken", lambda row, page: f"of {row.name}"), after="name"),
        ColumnSlot("vm", Column("secret", "Secret", lambda row, page: "hush", admin=True)),
    )
    add(TIMELINES, TimelineSlot("note", notes_of, drawn, "vm"))
    add(RELATED, RelatedSlot("vm", used_by=lambda row: [Related("subnet", Subnet.objects.all())]))
    add(BADGES, BadgeSlot("portal:vm.list", lambda: 4711), BadgeSlot("admin:vm.list", lambda: 4712))
    add(TILES, TileSlot("subnet", portal=3, admin=9))
    _with_paths(settings)


def said(page: DetailPage, row: Any) -> dict[str, Any]:
    return {"groups": [], "noted": f"about {row.name}"}


def _with_paths(settings: Any) -> None:
    """Have the paths of VMs made again, as they would have been with the app installed."""
    root = ModuleType(ROOT)
    more = {admin: kind_paths(VM, list=VmList, detail=VmDetail, admin=admin) for admin in (False, True)}
    shown = [
        path("admin/", include(([*portal_urls.admin, *more[True]], "admin"))),
        path("", include(([*portal_urls.tenant, *more[False]], "portal"))),
    ]
    vars(root).update(urlpatterns=[path("api/v1/", include("apps.api.urls")), *shown])
    sys.modules[ROOT] = root
    settings.ROOT_URLCONF = ROOT
    clear_url_caches()


@pytest.fixture(autouse=True)
def _paths_as_before() -> Any:
    yield
    sys.modules.pop(ROOT, None)
    clear_url_caches()


@pytest.fixture
def vm(owner: Actor, cloud: Cloud, subnet: Subnet) -> Vm:
    made = make_vm(owner, cloud, subnet, name="web-1")
    Event.objects.create(resource_id=subnet.pk, code="note", message="it hums")
    return made


def shown(client: Client, where: str) -> Any:
    answer = client.get(where)
    assert answer.status_code == 200, where
    return answer


@pytest.mark.usefixtures("notes")
@pytest.mark.parametrize(("who", "area"), [("alice", "portal"), ("ada", "admin")])
def test_what_an_app_above_adds_shows_on_the_pages_of_both_portals(
    request: pytest.FixtureRequest, vm: Vm, who: str, area: str
) -> None:
    client = factories.page_client(request.getfixturevalue(who))
    root = "/admin/vms/" if area == "admin" else "/vms/"
    page = shown(client, f"{root}{vm.pk}/")
    html = page.content.decode()
    assert "Mind web-1." in html and 'href="/why/"' in html
    assert "Not of this kind." not in html
    assert f"3 in {area}" in html
    assert f"Noted in {area}: it hums" in html, "the latest moments"
    assert [str(group.label) for group in page.context["used_by"]] == ["Subnets"]
    assert ("4712" if area == "admin" else "4711") in html, "the badge in the menu"
    slugs = [tab.slug for tab, _url in page.context["tab_links"]]
    assert slugs.index("notes") == slugs.index("network") + 1
    assert ("secrets" in slugs) == (area == "admin")
    assert shown(client, f"{root}{vm.pk}/notes/").context["noted"] == "about web-1"
    assert client.get(f"{root}{vm.pk}/secrets/").status_code == (200 if area == "admin" else 404)
    activity = shown(client, f"{root}{vm.pk}/activity/?show=events").content.decode()
    assert f"Noted in {area}: it hums" in activity
    assert "it hums" not in shown(client, f"{root}{vm.pk}/activity/?show=changes").content.decode()


@pytest.mark.usefixtures("notes")
@pytest.mark.parametrize(("who", "area"), [("alice", "portal"), ("ada", "admin")])
def test_a_column_from_above_stands_in_its_place_in_list_and_csv(
    request: pytest.FixtureRequest, vm: Vm, who: str, area: str
) -> None:
    client = factories.page_client(request.getfixturevalue(who))
    root = "/admin/vms/" if area == "admin" else "/vms/"
    page = shown(client, root)
    html = page.content.decode()
    assert "Notes taken" in html and "of web-1" in html
    assert ("hush" in html) == (area == "admin")
    names = [column.name for column in page.context["page"].area_columns]
    assert names.index("notes") == names.index("name") + 1
    csv = b"".join(client.get(f"{root}?format=csv")).decode()
    assert "of web-1" in csv


@pytest.mark.usefixtures("notes")
def test_an_action_from_above_is_a_button_a_menu_entry_and_for_many_and_found(
    vm: Vm, alice: User, flagged: list[str]
) -> None:
    client = factories.page_client(alice)
    page = shown(client, f"/vms/{vm.pk}/")
    assert "flag" in [offer.do.verb.action for offer in page.context["buttons"]]
    actions = [offer.do.verb.action for offer in page.context["offers"]]
    assert actions.index("flag") == actions.index("start") + 1
    assert "Flag" in shown(client, f"/vms/{vm.pk}/menu/").content.decode()
    assert client.post(f"/vms/{vm.pk}/flag/").status_code == 302
    assert flagged == ["web-1"]
    assert "flag" in [do.verb.action for do in VM.for_many]
    assert "Flag: web-1" in shown(client, "/search/?q=flag+web-1").content.decode()


@pytest.mark.usefixtures("notes")
def test_an_action_from_above_is_nothing_for_who_may_not(
    vm: Vm, alice: User, vera: User, bob: User, ada: User, flagged: list[str]
) -> None:
    offers = {}
    for user, root in ((alice, "/vms/"), (vera, "/vms/"), (ada, "/admin/vms/")):
        page = shown(factories.page_client(user), f"{root}{vm.pk}/")
        offers[user.username] = {
            offer.do.verb.action for offer in page.context["offers"] if offer.judged.allowed
        }
    assert "flag" in offers["alice"] and "seize" not in offers["alice"]
    assert "flag" not in offers["vera"] and "seize" not in offers["vera"]
    assert "seize" in offers["ada"]
    assert factories.page_client(vera).post(f"/vms/{vm.pk}/flag/").status_code == 403
    assert factories.page_client(bob).post(f"/vms/{vm.pk}/flag/").status_code == 404
    assert flagged == []


@pytest.mark.usefixtures("notes")
@pytest.mark.parametrize(
    ("who", "home", "labels"),
    [
        (
            "alice",
            "/",
            [
                "Virtual machines",
                "Disks",
                "Images",
                "Subnets",
                "VPCs",
                "Security groups",
                "SSH keys",
                "EIPs",
                "VM templates",
                "Elastic NICs",
            ],
        ),
        (
            "ada",
            "/admin/",
            [
                "Tenants",
                "Virtual machines",
                "Disks",
                "VPCs",
                "Images",
                "Hosts",
                "EIPs",
                "Elastic NICs",
                "Subnets",
            ],
        ),
    ],
)
def test_a_tile_from_above_stands_in_its_place_on_the_overview(
    request: pytest.FixtureRequest, vm: Vm, who: str, home: str, labels: list[str]
) -> None:
    page = shown(factories.page_client(request.getfixturevalue(who)), home)
    assert [str(tile["label"]) for tile in page.context["tiles"]] == labels


def test_without_the_app_nothing_of_it_is_there(vm: Vm, alice: User) -> None:
    client = factories.page_client(alice)
    page = shown(client, f"/vms/{vm.pk}/")
    assert "Mind web-1." not in page.content.decode()
    assert client.get(f"/vms/{vm.pk}/notes/").status_code == 404
    assert "Notes taken" not in shown(client, "/vms/").content.decode()


def test_the_console_is_the_first_button_of_a_vm_that_runs(vm: Vm, alice: User) -> None:
    page = shown(factories.page_client(alice), f"/vms/{vm.pk}/")
    assert page.context["buttons"][0].do.verb.action == "console"
    actions = [offer.do.verb.action for offer in page.context["offers"]]
    assert actions.index("console") == actions.index("restart") + 1


def test_what_an_app_adds_elsewhere_stands_in_its_slots_only() -> None:
    """No `AppConfig.ready()` and no `urls.py` of an app registers anything with another."""
    for config in apps.get_app_configs():
        if config.name.startswith("apps."):
            source = import_module(f"{config.name}.apps").__file__
            assert source is not None
            with open(source, encoding="utf-8") as file:
                text = file.read()
            assert ".append(" not in text and ".fill(" not in text, source
