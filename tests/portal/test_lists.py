"""Lists of the portals: cost, search, sorting, paging, live rows, escaping."""

from __future__ import annotations

import re
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from apps.accounts.models import Role, User
from apps.compute.models import Vm
from apps.lifecycle.actor import Actor
from apps.lifecycle.models import Resource
from apps.network.models import Subnet
from tests import factories
from tests.compute.factories import Cloud, ask_for_vms, make_vm

NASTY = "<script>alert(1)</script>&\"'"


def shown(client: Client, path: str, **headers: Any) -> str:
    answer = client.get(path, headers=headers)
    assert answer.status_code == 200, answer.content
    return str(answer.content.decode())


def names(html: str) -> list[str]:
    return re.findall(r'class="row-name">([^<]+)</a>', html)


@pytest.mark.requirement("UX-1")
@pytest.mark.parametrize(("who", "path"), [("alice", "/vms/"), ("mia", "/vms/"), ("ada", "/admin/vms/")])
def test_a_list_costs_the_same_number_of_queries_however_long_it_is(
    who: str, path: str, request: pytest.FixtureRequest, owner: Actor, cloud: Cloud, subnet: Subnet
) -> None:
    client = factories.page_client(request.getfixturevalue(who))
    make_vm(owner, cloud, subnet)
    shown(client, path)
    with CaptureQueriesContext(connection) as few:
        shown(client, path)
    ask_for_vms(owner, cloud, subnet, name="more", count=10)
    with CaptureQueriesContext(connection) as many:
        shown(client, path)
    assert len(many) == len(few)


@pytest.mark.requirement("UX-1")
def test_search_sorting_and_filters_stand_in_the_url(
    owner: Actor, alice: User, cloud: Cloud, subnet: Subnet
) -> None:
    for name in ("web", "db", "cache"):
        make_vm(owner, cloud, subnet, name=name)
    client = factories.page_client(alice)
    assert names(shown(client, "/vms/")) == ["cache", "db", "web"]
    assert names(shown(client, "/vms/?sort=-name")) == ["web", "db", "cache"]
    assert names(shown(client, "/vms/?q=e&sort=name")) == ["cache", "web"]
    assert names(shown(client, "/vms/?sort=no_such_column")) == ["cache", "db", "web"]
    html = shown(client, "/vms/?q=nothing-like-it")
    assert names(html) == []
    assert "No matches." in html
    # The address is searched too.
    ip = Vm.objects.get(name="db").nics.get(role="internal").ip
    assert names(shown(client, f"/vms/?q={ip}")) == ["db"]


@pytest.mark.requirement("UX-1")
def test_pages_follow_each_other(
    owner: Actor, alice: User, cloud: Cloud, subnet: Subnet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("apps.portal.lists.PAGE_SIZE", 4)
    monkeypatch.setattr("apps.portal.list_pages.COUNTED", 8)
    ask_for_vms(owner, cloud, subnet, name="vm", count=9)
    client = factories.page_client(alice)
    pages = [shown(client, f"/vms/?page={number}") for number in (1, 2, 3)]
    assert sorted(name for page in pages for name in names(page)) == sorted(f"vm-{n}" for n in range(1, 10))
    assert "1–4 of more than 8" in pages[0]
    assert 'rel="next"' in pages[1]
    assert 'rel="prev"' in pages[1]
    assert 'rel="next"' not in pages[2]


@pytest.mark.requirement("UX-2")
def test_live_rows_come_whatever_the_filter_and_new_ones_only_if_they_match(
    owner: Actor, alice: User, cloud: Cloud, subnet: Subnet
) -> None:
    old, new = make_vm(owner, cloud, subnet, name="old"), make_vm(owner, cloud, subnet, name="new")
    client = factories.page_client(alice)
    htmx = {"HX-Request": "true"}
    assert names(shown(client, f"/vms/?q=other&rows={old.pk}", **htmx)) == ["old"]
    assert names(shown(client, f"/vms/?q=other&new={new.pk}", **htmx)) == []
    assert names(shown(client, f"/vms/?q=ne&new={new.pk}", **htmx)) == ["new"]
    assert names(shown(client, f"/vms/?rows={uuid4()},nonsense", **htmx)) == []


@pytest.mark.requirement("AC-1")
def test_live_rows_show_nothing_of_others(owner: Actor, bob: User, cloud: Cloud, subnet: Subnet) -> None:
    vm = make_vm(owner, cloud, subnet)
    outsider = factories.make_member(vm.tenant, Role.VIEWER, project=factories.make_project(vm.tenant))
    for user in (bob, outsider):
        assert names(shown(factories.page_client(user), f"/vms/?rows={vm.pk}&new={vm.pk}")) == []


@pytest.mark.requirement("SE-5")
def test_what_users_type_is_never_markup(
    owner: Actor, alice: User, ada: User, cloud: Cloud, subnet: Subnet
) -> None:
    vm = make_vm(owner, cloud, subnet)
    error = {"message": NASTY, "code": "x", "hint": NASTY}
    Resource.objects.filter(pk=vm.pk).update(name=NASTY, description=NASTY, error=error)
    vm.operations.update(target_name=NASTY, error=error, steps=[{"at": "2026-01-01T00:00:00", "text": NASTY}])
    client = factories.page_client(alice)
    operation = vm.operations.get()
    paths = [
        "",
        "vms/",
        f"vms/{vm.pk}/",
        f"vms/{vm.pk}/activity/",
        f"vms/{vm.pk}/delete/",
        f"vms/{vm.pk}/menu/",
    ]
    paths += ["operations/", f"operations/{operation.pk}/", "audit/", "?q=" + NASTY, "vms/?q=" + NASTY]
    pages = [shown(client, f"/{path}") for path in paths]
    pages.append(shown(factories.page_client(ada), "/admin/vms/"))
    assert [page for page in pages if "<script>alert" in page] == []
    assert all("&lt;script&gt;" in page for page in pages[1:4])


@pytest.mark.requirement("UX-1")
def test_an_empty_list_says_what_to_do_first(alice: User, vera: User) -> None:
    html = shown(factories.page_client(alice), "/vms/")
    assert 'href="/vms/create/"' in html
    assert "Your role does not allow this." in shown(factories.page_client(vera), "/vms/")
