"""External segments and EIPs through the API, as programs use them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from apps.accounts.models import Project, Tenant, User
from apps.infrastructure.models import Host, Region
from apps.lifecycle.models import Operation
from apps.network.models import Eip, ExternalSegment, SegmentAddress
from apps.quotas.models import Quota
from tests.factories import api_client
from tests.network.external import INTERNET, make_carrier, make_eip, make_segment
from tests.network.factories import settle
from tests.network.test_api import accepted

pytestmark = [pytest.mark.requirement("AC-4")]

SEGMENTS, EIPS, ADDRESSES = "/api/v1/external-segments", "/api/v1/eips", "/api/v1/segment-addresses"


@pytest.fixture
def api(alice: User) -> APIClient:
    return api_client(alice)


@pytest.fixture
def admin(ada: User) -> APIClient:
    return api_client(ada)


@pytest.mark.django_db
@pytest.mark.requirement("EI-1")
def test_an_administrator_makes_changes_and_deletes_a_segment(
    admin: APIClient, region: Region, host: Host, tenant_a: Tenant
) -> None:
    body = {
        **INTERNET,
        "region": "north",
        "name": "internet",
        "ranges": [{"first": "203.0.113.10", "last": "203.0.113.19"}],
        "open_to_all": False,
        "tenants": [str(tenant_a.uid)],
    }
    made = accepted(admin.post(SEGMENTS, body, format="json"))
    one = f"{SEGMENTS}/{made['id']}"
    shown = admin.get(one).json()
    assert (shown["cidr"], shown["vlan"], shown["router_address"]) == ("203.0.113.0/24", 101, "203.0.113.254")
    assert (shown["free_addresses"], shown["taken_addresses"]) == (10, 0)
    assert [tenant["name"] for tenant in shown["tenants"]] == [tenant_a.name]
    changes = {"ranges": [{"first": "203.0.113.10", "last": "203.0.113.29"}]}
    accepted(admin.post(f"{one}/change", changes, format="json"))
    shown = admin.get(one).json()
    assert (shown["free_addresses"], shown["routes"], shown["ceiling_mbit"]) == (20, ["0.0.0.0/0"], 1000)
    permitted = admin.post(f"{one}/permit", {"open_to_all": True}, format="json").json()
    assert (permitted["open_to_all"], permitted["tenants"]) == (True, [])
    assert admin.patch(one, {"name": "public"}, format="json").json()["name"] == "public"
    accepted(admin.delete(one))
    assert admin.get(one).status_code == 404


@pytest.mark.django_db
@pytest.mark.requirement("EI-1")
def test_a_tenant_sees_what_it_may_use_and_nothing_of_how_it_is_connected(
    api: APIClient, segment: ExternalSegment
) -> None:
    (shown,) = api.get(SEGMENTS).json()["results"]
    assert (shown["name"], shown["gateway"], shown["free_addresses"]) == (segment.name, "203.0.113.1", 252)
    assert (shown["vlan"], shown["physical_network"], shown["router_address"]) == (None, "", "")
    assert (shown["ranges"], shown["tenants"], shown["taken_addresses"]) == ([], [], None)
    assert api.get(ADDRESSES).json()["results"] == []
    assert api.get(SEGMENTS, {"vlan_min": "1"}).json()["results"] == []
    assert api.post(f"{SEGMENTS}/{segment.pk}/change", {}, format="json").status_code == 403


@pytest.mark.django_db
@pytest.mark.requirement("EI-1")
def test_the_administrator_sees_who_has_which_address(
    admin: APIClient, segment: ExternalSegment, project_a: Project
) -> None:
    eip = make_eip(segment, project_a)
    SegmentAddress.objects.create(segment=segment, ip="203.0.113.9", use="conflict", mac="52:54:00:00:00:09")
    found = admin.get(ADDRESSES, {"segment": str(segment.pk)}).json()["results"]
    assert {(row["ip"], row["use"], row["mac"], (row["holder"] or {}).get("name")) for row in found} == {
        (eip.address, "eip", "", eip.name),
        ("203.0.113.9", "conflict", "52:54:00:00:00:09", None),
    }
    assert {(row["tenant"] or {}).get("name") for row in found} == {"acme", None}
    (only,) = admin.get(ADDRESSES, {"use": "conflict"}).json()["results"]
    assert only["ip"] == "203.0.113.9"
    free = admin.post(f"{SEGMENTS}/{segment.pk}/free-address", {"address": only["ip"]}, format="json")
    assert (free.status_code, free.json()["taken_addresses"]) == (200, 1)


@pytest.mark.django_db
@pytest.mark.requirement("EI-2")
def test_a_tenant_applies_binds_moves_and_releases(
    api: APIClient,
    segment: ExternalSegment,
    project_a: Project,
    region: Region,
    carrier_kind: object,
) -> None:
    one, two = make_carrier(project_a, region), make_carrier(project_a, region)
    answer = api.post(EIPS, {"segment": str(segment.pk), "name": "web", "mbit": 20}, format="json")
    assert answer.status_code == 202, answer.json()
    (operation,) = answer.json()["operations"]
    settle(Operation.objects.get(pk=operation["id"]))
    (made,) = answer.json()["resources"]
    url = f"{EIPS}/{made['id']}"
    shown = api.get(url).json()
    assert (shown["address"], shown["version"], shown["mbit"], shown["status"]) == (
        "203.0.113.2",
        4,
        20,
        "unbound",
    )
    for carrier in (one, two):
        bound = accepted(api.post(f"{url}/bind", {"carrier": str(carrier.pk)}, format="json"))
        assert bound["status"] == "binding"
        shown = api.get(url).json()
        assert shown["carrier"] == {"id": str(carrier.pk), "name": carrier.name, "kind": "carrier"}
        assert shown["status"] == "bound"
    patched = api.patch(url, {"description": "For the shop"}, format="json").json()
    assert (patched["description"], patched["carrier"]["id"]) == ("For the shop", str(two.pk))
    for filters, found in (
        ({"carrier": str(two.pk)}, 1),
        ({"carrier": str(one.pk)}, 0),
        ({"bound": "true"}, 1),
        ({"address": "203.0.113.2"}, 1),
        ({"q": "203.0.113.2"}, 1),
        ({"q": "203.0.113.3"}, 0),
        ({"version": "6"}, 0),
        ({"status": "bound"}, 1),
        ({"segment": str(segment.pk)}, 1),
    ):
        assert len(api.get(EIPS, filters).json()["results"]) == found, filters
    actions = {each["action"]: each for each in shown["allowed_actions"]}
    assert (actions["delete"]["allowed"], actions["delete"]["reason"]) == (False, "Unbind the EIP first.")
    accepted(api.post(f"{url}/unbind", {"carrier": str(two.pk)}, format="json"))
    accepted(api.delete(url))
    assert api.get(url).status_code == 404


@pytest.mark.django_db
@pytest.mark.requirement("EI-2")
def test_a_dry_run_says_what_an_eip_would_take_and_makes_nothing(
    api: APIClient, segment: ExternalSegment
) -> None:
    body = {"segment": str(segment.pk), "name": "web", "count": 2}
    seen = api.post(f"{EIPS}?dry_run=1", body, format="json").json()
    assert [(line["metric"], line["asked"]) for line in seen["quotas"]] == [("eip", 2)]
    assert not Eip.objects.exists()
    body["address"] = "203.0.113.254"
    wrong = api.post(f"{EIPS}?dry_run=1", {**body, "count": 1}, format="json").json()
    assert [error["field"] for each in wrong["refusals"] for error in each["errors"]] == ["address"]


@pytest.mark.django_db
def test_lists_are_answered_with_a_constant_number_of_queries(
    api: APIClient, admin: APIClient, segment: ExternalSegment, project_a: Project, region: Region
) -> None:
    def cost(client: APIClient, url: str) -> int:
        client.get(url)
        with CaptureQueriesContext(connection) as seen:
            assert client.get(url).status_code == 200
        return len(seen)

    carrier = make_carrier(project_a, region)
    make_eip(segment, project_a)
    before = [cost(api, EIPS), cost(admin, EIPS), cost(admin, SEGMENTS), cost(admin, ADDRESSES)]
    for number in range(4):
        eip = make_eip(segment, project_a)
        Eip.objects.filter(pk=eip.pk).update(carrier=carrier)
        make_segment(
            region,
            {**INTERNET, "cidr": f"198.51.{number}.0/24", "gateway": f"198.51.{number}.1", "vlan": number},
        )
    after = [cost(api, EIPS), cost(admin, EIPS), cost(admin, SEGMENTS), cost(admin, ADDRESSES)]
    assert after == before


@pytest.mark.django_db(transaction=True)
@pytest.mark.requirement("EI-2")
def test_two_hundred_clients_share_the_last_twenty_addresses(
    alice: User, tenant_a: Tenant, segment: ExternalSegment
) -> None:
    """20 get one, none gets another's, and the others hear why they get none."""
    from tests.factories import api_token

    ranges = [{"first": "203.0.113.50", "last": "203.0.113.69"}]
    segment.ranges.create(**ranges[0])
    Quota.objects.update_or_create(tenant=tenant_a, metric="eip", defaults={"limit": 200})
    token = api_token(alice)

    def apply(number: int) -> tuple[int, str]:
        try:
            body = {"segment": str(segment.pk), "name": f"eip-{number}"}
            answer = api_client(token=token).post(EIPS, body, format="json")
            return answer.status_code, answer.json().get("code", "")
        finally:
            connection.close()

    with ThreadPoolExecutor(20) as clients:
        answers = list(clients.map(apply, range(200)))
    assert sorted(answers) == [(202, "")] * 20 + [(409, "segment.full")] * 180
    taken = SegmentAddress.objects.filter(segment=segment).values_list("ip", flat=True)
    assert sorted(str(ip) for ip in taken) == [f"203.0.113.{last}" for last in range(50, 70)]
    assert Eip.objects.count() == 20
    assert Quota.objects.get(tenant=tenant_a, metric="eip").used == 20
