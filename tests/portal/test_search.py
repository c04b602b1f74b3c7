"""The search box: everything the asker may see, by name, id, address, MAC or description; and actions."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.accounts.models import Role, Tenant, User
from apps.compute.models import Vm
from apps.lifecycle.actor import Actor
from apps.lifecycle.models import Resource
from apps.network.models import Subnet
from apps.portal import search
from tests import factories
from tests.compute.factories import Cloud, make_vm

HTMX = {"HX-Request": "true"}


@pytest.fixture
def vm(owner: Actor, cloud: Cloud, subnet: Subnet) -> Vm:
    return make_vm(owner, cloud, subnet, name="web-1", description="the shop's front")


def found(user: User, text: str, area: str = "portal") -> list[str]:
    kinds = search.resources(factories.actor_for_user(user), area, text)
    return [f"{each.kind.kind}:{each.name}" for kind in kinds for each in kind.found]


@pytest.mark.requirement("UX-7")
def test_a_vm_is_found_by_all_that_people_know_of_it(vm: Vm, alice: User) -> None:
    nic = vm.nics.get(role="internal")
    for text in (
        "web-1",
        "WEB",
        "eb-",
        str(vm.pk),
        str(vm.pk)[:8],
        str(nic.ip),
        nic.mac,
        nic.mac.upper(),
        "shop's",
    ):
        assert "vm:web-1" in found(alice, text), text


@pytest.mark.requirement("UX-7")
def test_it_finds_all_kinds_and_leads_to_each(vm: Vm, alice: User, cloud: Cloud) -> None:
    assert {"vpc:vpc", "subnet:subnet", "image:Tiny"} <= {
        one for text in ("vpc", "subnet", "tiny") for one in found(alice, text)
    }
    kinds = search.resources(factories.actor_for_user(alice), "portal", "tiny")
    assert [each.url for kind in kinds for each in kind.found] == [f"/images/{cloud.image.pk}/"]


@pytest.mark.requirement("UX-7")
def test_an_admin_finds_hosts_and_tenants_which_tenants_do_not(vm: Vm, ada: User, alice: User) -> None:
    assert vm.host is not None
    assert f"host:{vm.host.name}" in found(ada, vm.host.name, "admin")
    assert "tenant:acme" in found(ada, "acme", "admin")
    assert found(alice, vm.host.name) == []
    assert found(alice, "acme") == []


@pytest.mark.requirement("UX-7")
@pytest.mark.requirement("SE-1")
def test_nobody_finds_what_they_may_not_see(vm: Vm, bob: User, tenant_a: Tenant) -> None:
    nic = vm.nics.get(role="internal")
    for text in ("web-1", str(vm.pk), str(nic.ip), nic.mac, "shop"):
        assert found(bob, text) == [], text
    elsewhere = factories.make_project(tenant_a, "elsewhere")
    outsider = factories.make_member(tenant_a, Role.MANAGER, "max", elsewhere)
    assert found(outsider, "web-1") == []


@pytest.mark.requirement("UX-7")
def test_an_exact_name_comes_first_however_many_newer_ones_hold_it(
    owner: Actor, alice: User, cloud: Cloud, subnet: Subnet
) -> None:
    for name in ("db", "db-1", "db-2", "db-3", "db-4", "db-5", "db-6"):
        make_vm(owner, cloud, subnet, name=name)
    (kind,) = [
        each
        for each in search.resources(factories.actor_for_user(alice), "portal", "db")
        if each.kind.kind == "vm"
    ]
    assert kind.found[0].name == "db"
    assert len(kind.found) == search.FEW
    assert kind.url == "/vms/?q=db"


@pytest.mark.requirement("UX-7")
def test_a_verb_before_the_name_offers_the_action_or_says_why_not(vm: Vm, alice: User, vera: User) -> None:
    def asked(user: User, text: str) -> list[tuple[str, str, bool]]:
        actions = search.actions(factories.actor_for_user(user), "portal", text)
        return [(one.offer.do.verb.name, one.on.name, one.offer.judged.allowed) for one in actions]

    assert asked(alice, "shut down web") == [("vm.shut_down", "web-1", True)]
    assert asked(alice, "Stop web-1") == [("vm.shut_down", "web-1", True)]
    assert asked(alice, "start web-1") == [("vm.start", "web-1", False)]
    assert asked(vera, "stop web-1") == [("vm.shut_down", "web-1", False)]
    html = factories.page_client(alice).get("/search/?q=start web-1", headers=HTMX).content.decode()
    assert "The VM is already running." in html
    assert 'aria-disabled="true"' in html


@pytest.mark.requirement("UX-7")
def test_the_page_of_results_needs_no_script(vm: Vm, alice: User) -> None:
    client = factories.page_client(alice)
    html = client.get("/search/?q=web").content.decode()
    assert f'<a href="/vms/{vm.pk}/">web-1</a>' in html
    assert '<a href="/quotas/">' in client.get("/search/?q=quota").content.decode()
    assert "Try part of the name" in client.get("/search/?q=nothing-like-it").content.decode()
    assert 'href="/vms/create/"' in client.get("/search/?q=create vm").content.decode()


@pytest.mark.requirement("UX-7")
def test_who_may_not_create_is_not_offered_to(vm: Vm, vera: User) -> None:
    html = factories.page_client(vera).get("/search/?q=create vm", headers=HTMX).content.decode()
    assert "/vms/create/" not in html


@pytest.mark.requirement("UX-7")
def test_the_actions_of_one_resource_are_choices_with_what_does_them(vm: Vm, alice: User, bob: User) -> None:
    path = f"/search/?kind=vm&key={vm.pk}"
    html = factories.page_client(alice).get(path, headers=HTMX).content.decode()
    assert f'action="/vms/{vm.pk}/shut-down/"' in html
    assert "The VM is already running." in html
    assert factories.page_client(bob).get(path, headers=HTMX).status_code == 404
    assert factories.page_client(alice).get("/search/?kind=vm&key=nonsense", headers=HTMX).status_code == 404
    assert factories.page_client(alice).get("/search/?kind=host&key=1", headers=HTMX).status_code == 404


@pytest.mark.requirement("UX-7")
def test_the_api_finds_the_same(vm: Vm, alice: User, bob: User, ada: User) -> None:
    answer = factories.api_client(alice).get("/api/v1/search", {"q": "web-1"})
    machine, disk = answer.json()["results"]
    assert machine == {
        "kind": "vm",
        "id": str(vm.pk),
        "name": "web-1",
        "beside": str(vm.nics.get(role="internal").ip),
        "word": "Running",
    }
    assert (disk["kind"], disk["beside"]) == ("disk", "web-1")
    assert factories.api_client(bob).get("/api/v1/search", {"q": "web-1"}).json() == {"results": []}
    assert len(factories.api_client(ada).get("/api/v1/search", {"q": "web-1"}).json()["results"]) == 2
    assert factories.api_client(alice).get("/api/v1/search").json() == {"results": []}


@pytest.mark.requirement("UX-7")
def test_it_costs_the_same_number_of_queries_however_much_it_finds(
    owner: Actor, alice: User, vm: Vm, cloud: Cloud, subnet: Subnet
) -> None:
    one = _queries(lambda: found(alice, "web"))
    for number in range(2, 7):
        make_vm(owner, cloud, subnet, name=f"web-{number}")
    assert _queries(lambda: found(alice, "web")) == one
    assert one < 35


@pytest.mark.requirement("UX-7")
@pytest.mark.parametrize(
    "text", ["%", "_", "\\", "'", '"', "<b>", "\x00", "x" * 5000, "10.0.0.999", ":::", "💾"]
)
def test_odd_texts_find_nothing_and_break_nothing(vm: Vm, alice: User, text: str) -> None:
    Resource.objects.update(description="")
    answer = factories.page_client(alice).get("/search/", {"q": text})
    assert answer.status_code in {200, 400}
    assert str(vm.pk) not in answer.content.decode()


def _queries(act: Callable[[], object]) -> int:
    with CaptureQueriesContext(connection) as seen:
        act()
    return len(seen)
