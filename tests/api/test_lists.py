"""Lists in the API: their cost, their paging, their filters."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from apps.accounts.models import ApiKey, Role, User
from apps.compute.models import Vm
from apps.lifecycle.actor import Actor
from apps.lifecycle.models import Resource, State
from apps.network.models import Subnet
from tests import factories
from tests.compute.factories import Cloud, ask_for_vms, make_vm


def queries_of_list(user: User) -> int:
    client = factories.api_client(user)
    client.get("/api/v1/vms")
    with CaptureQueriesContext(
        connection,
    ) as captured:
        assert client.get("/api/v1/vms").status_code == 200
    return len(captured)


@pytest.mark.requirement("UX-1")
@pytest.mark.parametrize("who", ["alice", "mia", "ada"])
def test_a_list_costs_the_same_number_of_queries_however_long_it_is(
    who: str, request: pytest.FixtureRequest, owner: Actor, cloud: Cloud, subnet: Subnet
) -> None:
    user = request.getfixturevalue(who)
    make_vm(owner, cloud, subnet)
    few = queries_of_list(user)
    ask_for_vms(owner, cloud, subnet, name="more", count=10)
    assert queries_of_list(user) == few


@pytest.mark.requirement("UX-1")
def test_pages_show_every_row_once_while_new_rows_come(
    owner: Actor, alice: User, cloud: Cloud, subnet: Subnet
) -> None:
    ask_for_vms(owner, cloud, subnet, name="old", count=9)
    # All of one moment: the id must tell them apart.
    Resource.objects.filter(kind="vm").update(created_at=timezone.now() - timedelta(minutes=1))
    expected = set(map(str, Vm.objects.values_list("pk", flat=True)))
    client, url, seen = factories.api_client(alice), "/api/v1/vms?page_size=4", []
    while url:
        page = client.get(url).json()
        seen += [row["id"] for row in page["results"]]
        url = page["next"]
        ask_for_vms(owner, cloud, subnet, name="new")
    assert sorted(seen) == sorted(expected)


def names(client: object, query: str) -> list[str]:
    return sorted(row["name"] for row in client.get(f"/api/v1/vms?{query}").json()["results"])  # type: ignore[attr-defined]


@pytest.mark.requirement("UX-1")
def test_filters_narrow_the_list(owner: Actor, alice: User, ada: User, cloud: Cloud, subnet: Subnet) -> None:
    for name in ("web", "db"):
        make_vm(owner, cloud, subnet, name=name)
    Resource.objects.filter(name="db").update(
        state=State.ERROR, created_at=timezone.now() - timedelta(days=3)
    )
    client, web = factories.api_client(alice), Vm.objects.get(name="web")
    assert names(client, "q=WE") == ["web"]
    assert names(client, f"q={web.pk}") == ["web"]
    assert names(client, "state=error") == ["db"]
    assert names(client, "state=error&state=ready") == ["db", "web"]
    assert names(client, f"region={cloud.region.name},elsewhere") == ["db", "web"]
    assert names(client, f"project={web.project.uid}") == ["db", "web"]
    assert names(
        client, f"created_after={(timezone.now() - timedelta(days=1)).isoformat().replace('+', '%2B')}"
    ) == ["web"]
    assert names(factories.api_client(ada), f"tenant={web.tenant.uid}") == ["db", "web"]


def test_a_filter_that_makes_no_sense_is_refused_at_its_name(alice: User) -> None:
    answer = factories.api_client(alice).get("/api/v1/vms?project=nonsense")
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"] == "project"


def actions_of(user: User, scope: str = ApiKey.Scope.WRITE) -> dict[str, dict[str, object]]:
    row = factories.api_client(user, scope).get("/api/v1/vms").json()["results"][0]
    return {action["action"]: action for action in row["allowed_actions"]}


@pytest.mark.requirement("UX-3")
def test_allowed_actions_name_the_reason_state_first_role_before_all(
    owner: Actor, alice: User, vera: User, otto: User, cloud: Cloud, subnet: Subnet
) -> None:
    make_vm(owner, cloud, subnet)
    mine = actions_of(alice)
    assert mine["shut-down"]["allowed"] is True
    assert (mine["start"]["allowed"], mine["start"]["reason"]) == (False, "The VM is already running.")
    assert actions_of(vera)["shut-down"]["code"] == "forbidden"
    assert actions_of(otto)["shut-down"]["allowed"] is True
    assert actions_of(otto)["delete"]["code"] == "forbidden"
    assert actions_of(alice, ApiKey.Scope.READ)["shut-down"]["code"] == "forbidden"


@pytest.mark.requirement("AC-1")
def test_strangers_and_members_without_a_grant_see_nothing(
    owner: Actor, bob: User, tenant_a: object, cloud: Cloud, subnet: Subnet
) -> None:
    vm = make_vm(owner, cloud, subnet)
    outsider = factories.make_member(vm.tenant, Role.VIEWER, project=factories.make_project(vm.tenant))
    for user in (bob, outsider):
        client = factories.api_client(user)
        assert client.get("/api/v1/vms").json()["results"] == []
        assert client.get(f"/api/v1/vms/{vm.pk}").status_code == 404
        assert client.post(f"/api/v1/vms/{vm.pk}/shut-down").status_code == 404


@pytest.mark.requirement("SE-5")
def test_a_number_beyond_all_reason_is_refused_at_its_name(alice: User) -> None:
    for number in ("1e308", "-1e16"):
        answer = factories.api_client(alice).get(f"/api/v1/vms?memory_min={number}")
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, "memory_min")


@pytest.mark.requirement("SE-5")
def test_a_cursor_or_page_size_that_is_none_is_refused_at_its_name(alice: User) -> None:
    client = factories.api_client(alice)
    for query in ("cursor=x", "cursor=WzFd", "page_size=0", "page_size=201", f"page_size={'9' * 5000}"):
        answer = client.get(f"/api/v1/regions?{query}")
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, query.partition("=")[0])
