"""Orders and totals of lists: every column of the portals' lists, stable from page to page."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest
from rest_framework.request import Request
from rest_framework.test import APIClient, APIRequestFactory

from apps.accounts.models import User
from apps.api.declarations import KindApi
from apps.compute.models import Vm
from apps.lifecycle.actor import Actor
from apps.lifecycle.models import Resource
from apps.network.models import Subnet
from tests import factories
from tests.compute.factories import Cloud, ask_for_vms
from tests.compute.test_key_pairs import ED25519
from tests.portal.test_lists_everywhere import ADMIN, add_sample_data
from tests.security.routes import all_routes

pytestmark = pytest.mark.requirement("IN-2")

VIEWS: dict[str, type[KindApi]] = {
    f"/{route.path}": route.callback.cls
    for route in all_routes()
    if route.area == "api"
    and not route.takes_key
    and "GET" in route.methods
    and issubclass(getattr(route.callback, "cls", object), KindApi)
}
QUOTAS = ("vm", "vcpu", "memory_gib", "disk_gib")
#: Columns of pages that the API has under other names, or not at all: (kind, filter).
ELSEWHERE = {
    ("compute_cluster", "hosts"): "what is allocated is shown in the administration only",
    ("compute_cluster", "vcpu"): "as hosts",
    ("compute_cluster", "memory"): "as hosts",
    **{("tenant", f"used_{metric}"): "quotas are a list of their own" for metric in QUOTAS},
    ("operation", "outcome"): "texts of causes differ by language",
}


def walked(client: APIClient, url: str) -> list[dict[str, Any]]:
    rows = []
    while url:
        body = client.get(url).json()
        rows += body["results"]
        url = body["next"]
    return rows


def page_of(view: type[KindApi], actor: Actor, url: str) -> dict[str, Any]:
    """Return a page with primary keys as its results: drawing the rows would cost ten times as much."""
    request = APIRequestFactory().get(url)
    request.actor = actor
    asked: Any = view(request=Request(request))
    rows = asked.paginator.paginate_queryset(asked.get_queryset(), asked.request, view=asked)
    body: dict[str, Any] = asked.paginator.get_paginated_response([row.pk for row in rows]).data
    return body


def test_every_list_can_be_ordered_by_each_of_its_columns_and_loses_no_row(
    owner: Actor, ada: User, cloud: Cloud, subnet: Subnet
) -> None:
    add_sample_data(owner, cloud, subnet, 2)
    for view in VIEWS.values():
        ask = partial(page_of, view, factories.actor_for_user(ada))
        everything = set(ask("/?page_size=200")["results"])
        size = max(2, len(everything) // 2 + 1)
        for number, name in enumerate(view.sortable(admin=True)):
            sort = name if number % 2 else f"-{name}"
            first = ask(f"/?sort={sort}&page_size={size}")
            second = ask(first["next"]) if first["next"] else {"results": [], "next": None}
            assert {*first["results"], *second["results"]} == everything, (view, sort)
            assert second["next"] is None
            assert not first["next"] or ask(second["previous"])["results"] == first["results"], (view, sort)


def test_pages_of_the_longest_texts_lead_on(alice: User) -> None:
    client = factories.api_client(alice)
    for number in range(3):
        body = {"name": f"{number}" + "\U0001f600" * 62, "description": f"{number}" + "\U0001f600" * 254}
        assert client.post("/api/v1/projects", body, format="json").status_code == 201
        assert (
            client.post("/api/v1/key-pairs", {**body, "public_key": ED25519}, format="json").status_code
            == 201
        )
    for url in (
        "/api/v1/projects?sort=name",
        "/api/v1/key-pairs?sort=description",
        "/api/v1/key-pairs?sort=-name",
    ):
        rows = walked(client, f"{url}&page_size=1")
        assert len({row["id"] for row in rows}) >= 3, url


def test_rows_without_a_value_come_last_on_every_page(
    owner: Actor, alice: User, cloud: Cloud, subnet: Subnet
) -> None:
    ask_for_vms(owner, cloud, subnet, name="web", count=5)
    client, vms = factories.api_client(alice), Resource.objects.filter(kind="vm").order_by("name")
    Vm.objects.filter(pk__in=vms.values("pk")[:2]).update(instance_type=None)
    for sort in ("type", "-type"):
        rows = walked(client, f"/api/v1/vms?sort={sort}&page_size=2")
        assert [row["instance_type"] is None for row in rows] == [False] * 3 + [True] * 2
    names = [row["name"] for row in walked(client, "/api/v1/vms?sort=-name&page_size=2")]
    assert names == sorted(names, reverse=True)


def test_what_the_portal_orders_by_the_api_does_too() -> None:
    by_kind = {page.of.kind: page for _path, page in ADMIN}
    views = {view.model._meta.model_name: view for view in VIEWS.values()}
    missing = []
    for kind, page in by_kind.items():
        view = views.get(kind.replace("_", ""))
        columns = {c.filter_name for c in page.columns if c.sort} - {n for k, n in ELSEWHERE if k == kind}
        if view is not None:
            missing += [(kind, name) for name in sorted(columns - view.sortable(admin=True).keys())]
    assert missing == []


def test_tenants_cannot_order_by_what_only_administrators_see(alice: User) -> None:
    answer = factories.api_client(alice).get("/api/v1/vms?sort=host")
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, "sort")
    assert factories.api_client(alice).get("/api/v1/vms?sort=nonsense").status_code == 400


def test_a_cursor_is_of_one_order_only(owner: Actor, alice: User, cloud: Cloud, subnet: Subnet) -> None:
    ask_for_vms(owner, cloud, subnet, name="web", count=3)
    client = factories.api_client(alice)
    following = client.get("/api/v1/vms?sort=name&page_size=1").json()["next"]
    assert client.get(following.replace("sort=name", "sort=-created")).status_code == 400


def test_the_total_is_counted_when_asked_for(owner: Actor, alice: User, cloud: Cloud, subnet: Subnet) -> None:
    ask_for_vms(owner, cloud, subnet, name="web", count=3)
    client = factories.api_client(alice)
    assert "total" not in client.get("/api/v1/vms").json()
    assert client.get("/api/v1/vms?total=1&page_size=1&q=web").json()["total"] == 3
    assert client.get("/api/v1/vms?total=1&q=none").json()["total"] == 0
    assert client.get("/api/v1/vms?total=yes").status_code == 400
