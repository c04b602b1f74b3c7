"""Elastic NICs in the API and in pages."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from apps.accounts.models import Project, User
from apps.infrastructure.models import Region
from apps.lifecycle.actor import Actor
from apps.network.models import Eni, ExternalSegment, Nic, SecurityGroup, Subnet
from apps.network.services.eni import create_eni
from tests import factories
from tests.network.factories import make_group, settle

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("EN-1"), pytest.mark.usefixtures("host")]


@pytest.fixture
def client(alice: User) -> Client:
    return factories.page_client(alice)


@pytest.fixture
def group(project_a: Project, region: Region) -> SecurityGroup:
    return make_group(project_a, region)


def make(actor: Actor, **values: Any) -> Eni:
    return Eni.objects.get(pk=settle(create_eni(actor, **{"name": "nic", **values})).target_id)


def listed(client: Client, query: str) -> list[str]:
    answer = client.get(f"/api/v1/enis?{query}")
    assert answer.status_code == 200, answer.content
    return [row["name"] for row in answer.json()["results"]]


def test_it_is_created_read_changed_and_deleted(
    client: Client, subnet: Subnet, group: SecurityGroup, segment: ExternalSegment
) -> None:
    body = {"name": "one", "subnet": str(subnet.pk), "address": "10.0.1.9", "security_group": str(group.pk)}
    answer = client.post("/api/v1/enis", body, content_type="application/json")
    assert answer.status_code == 202, answer.content
    eni = Eni.objects.get()
    shown = client.get(f"/api/v1/enis/{eni.pk}").json()
    assert (shown["role"], shown["address"], shown["mac"]) == ("internal", "10.0.1.9", eni.nic.mac)
    assert (shown["subnet"]["id"], shown["security_group"]["id"]) == (str(subnet.pk), str(group.pk))
    assert (shown["segment"], shown["vm"], shown["mbit_in"]) == (None, None, 0)
    both = {"name": "two", "subnet": str(subnet.pk), "segment": str(segment.pk)}
    answer = client.post("/api/v1/enis", both, content_type="application/json")
    assert answer.status_code == 422 and "segment" in answer.content.decode()


def test_a_dry_run_makes_nothing(client: Client, segment: ExternalSegment) -> None:
    body = {"name": "one", "segment": str(segment.pk), "mbit_in": 5000}
    answer = client.post("/api/v1/enis?dry_run=1", body, content_type="application/json")
    assert "1 to 1,000 Mbit/s in this segment." in answer.content.decode()
    assert not Eni.objects.exists()


@pytest.mark.requirement("EN-4")
def test_lists_are_narrowed_and_searched_by_address_and_mac(
    owner: Actor, client: Client, subnet: Subnet, segment: ExternalSegment
) -> None:
    inside = make(owner, name="inside", subnet=subnet.pk)
    outside = make(owner, name="outside", segment=segment.pk)
    found = {
        "q=10.0.1.2": ["inside"],
        "q=203.0.113.2": ["outside"],
        "address=10.0.1": ["inside"],
        "address=203.0": ["outside"],
        f"q={outside.nic.mac}": ["outside"],
        f"mac={inside.nic.mac}": ["inside"],
        "role=external": ["outside"],
        "role=internal": ["inside"],
        f"subnet={subnet.pk}": ["inside"],
        f"vpc={subnet.vpc_id}": ["inside"],
        f"segment={segment.pk}": ["outside"],
        "bound=true": [],
        "status=unbound&sort=name": ["inside", "outside"],
    }
    assert {query: listed(client, query) for query in found} == found


def test_a_list_takes_as_many_queries_for_many_as_for_few(
    owner: Actor, client: Client, subnet: Subnet, segment: ExternalSegment, group: SecurityGroup
) -> None:
    def queries(path: str) -> int:
        with CaptureQueriesContext(connection) as seen:
            assert client.get(path).status_code == 200
        return len(seen)

    for where in ({"subnet": subnet.pk, "security_group": group.pk}, {"segment": segment.pk}):
        make(owner, **where)
    paths = ("/api/v1/enis", "/enis/")
    for path in paths:
        queries(path)
    few = [queries(path) for path in paths]
    for where in ({"subnet": subnet.pk, "security_group": group.pk}, {"segment": segment.pk}):
        for _ in range(3):
            make(owner, **where)
    assert [queries(path) for path in paths] == few


def test_pages_show_the_address_and_where_it_is(
    owner: Actor, client: Client, subnet: Subnet, segment: ExternalSegment, group: SecurityGroup
) -> None:
    inside = make(owner, name="inside", subnet=subnet.pk, security_group=group.pk)
    outside = make(owner, name="outside", segment=segment.pk)
    page = client.get("/enis/").content.decode()
    assert "10.0.1.2" in page and "203.0.113.2" in page and "Unbound" in page
    page = client.get(f"/enis/{inside.pk}/").content.decode()
    assert all(text in page for text in (inside.nic.mac, subnet.name, group.name, "unlimited"))
    page = client.get(f"/enis/{outside.pk}/").content.decode()
    assert all(text in page for text in (segment.name, "default route", "none: all traffic is allowed"))
    assert "inside" in client.get(f"/subnets/{subnet.pk}/").content.decode()
    assert "10.0.1.2" in client.get(f"/security-groups/{group.pk}/used-by/").content.decode()


def test_the_create_page_asks_for_the_network_of_the_type_and_creates(
    client: Client, subnet: Subnet, segment: ExternalSegment, group: SecurityGroup
) -> None:
    page = client.get("/enis/create/").content.decode()
    assert subnet.name in page and segment.name in page
    assert f'value="{group.pk}" selected' in page, "all traffic would be allowed"
    common = {"name": "one", "project": str(subnet.project.uid), "subnet": str(subnet.pk)}  # type: ignore[union-attr]
    answer = client.post(
        "/enis/create/?preview=1", {**common, "role": "external", "segment": str(segment.pk)}
    )
    assert "203.0.113.0/24" in answer.content.decode()
    answer = client.post("/enis/create/", {**common, "role": "external", "segment": ""})
    assert answer.status_code == 422
    answer = client.post("/enis/create/", {**common, "role": "external", "segment": str(segment.pk)})
    assert answer.status_code in (200, 204, 302), answer.content
    assert Eni.objects.get().is_external and Nic.objects.get(role="elastic").subnet_id is None
