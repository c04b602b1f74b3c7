"""RG-1: tenants use a region once an administrator has opened it, and it opens when it is ready."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from apps.accounts.models import Project, Tenant, User
from apps.compute.models import Image
from apps.compute.services.instance_type import create_default_types
from apps.infrastructure.models import Region
from apps.infrastructure.region_opening import close_region, note_fabric, open_region
from apps.infrastructure.regions import chosen_region, default_region
from apps.lifecycle.actor import SYSTEM
from apps.lifecycle.errors import Invalid, Refused
from apps.lifecycle.models import Resource, State
from apps.network.models import SecurityGroup, Subnet, Vpc
from apps.network.services.default_network import create_default_network, make_due_networks
from apps.quotas.models import Quota
from tests import factories
from tests.factories import actor_for_user, api_client, default_project, page_client

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("VP-5")]


def make_ready(region: Region) -> None:
    """Give a region all that its checklist names."""
    cluster, storage = factories.make_cluster(region), factories.make_storage(region)
    create_default_types(cluster)
    factories.make_host(cluster)
    Image.objects.create(kind="image", name="Tiny", region=region, cluster=storage, state=State.READY)
    note_fabric(region)


@pytest.fixture
def closed() -> Region:
    return factories.make_region("new", open_to_tenants=False)


def test_a_region_made_by_an_administrator_is_not_open(ada: User) -> None:
    body = {"name": "new", "label": "New", "fabric_driver": "memory"}
    made = api_client(ada).post("/api/v1/regions", body, format="json")
    assert made.status_code == 201 and made.json()["open_to_tenants"] is False
    assert {check["name"]: check["passed"] for check in made.json()["checks"]} == dict.fromkeys(
        ("fabric", "hosts", "instance_types", "storage", "images"), False
    )


def test_a_region_opens_when_every_check_has_passed(ada: User, closed: Region) -> None:
    client = api_client(ada)
    refused = client.post("/api/v1/regions/new/open")
    assert (refused.status_code, refused.json()["code"]) == (409, "region.not_ready")
    assert refused.json()["details"]["checks"] == ["fabric", "hosts", "instance_types", "storage", "images"]
    assert "No host accepts VMs" in refused.json()["title"]
    make_ready(closed)
    opened = client.post("/api/v1/regions/new/open")
    assert opened.status_code == 200 and opened.json()["open_to_tenants"] is True
    assert all(check["passed"] for check in opened.json()["checks"])


def test_a_network_database_that_is_silent_keeps_it_closed(closed: Region) -> None:
    make_ready(closed)
    Region.objects.update(fabric_seen_at=timezone.now() - timedelta(minutes=6))
    with pytest.raises(Refused) as refused:
        open_region(SYSTEM, closed)
    assert refused.value.details["checks"] == ["fabric"]


def test_the_page_shows_the_checklist_and_opens(ada: User, closed: Region) -> None:
    browser = page_client(ada)
    page = browser.get("/admin/regions/new/").content.decode()
    assert "data-checklist" in page and "No host accepts VMs" in page
    assert browser.post("/admin/regions/new/open/").status_code == 409
    make_ready(closed)
    assert "A host accepts VMs." in browser.get("/admin/regions/new/open/").content.decode()
    assert browser.post("/admin/regions/new/open/").status_code == 302
    assert "data-checklist" not in browser.get("/admin/regions/new/").content.decode()
    assert browser.post("/admin/regions/new/close/").status_code == 302
    assert not Region.objects.get().open_to_tenants


def test_the_list_of_regions_costs_the_same_however_many_there_are(ada: User, closed: Region) -> None:
    client = api_client(ada)
    client.get("/api/v1/regions")

    def queries() -> int:
        with CaptureQueriesContext(connection) as seen:
            assert client.get("/api/v1/regions").status_code == 200
        return len(seen)

    before = queries()
    for _ in range(5):
        make_ready(factories.make_region())
    assert queries() == before


def test_a_region_that_is_not_open_is_nothing_to_tenants(alice: User, closed: Region) -> None:
    here = factories.make_region("here")
    client, body = api_client(alice), {"name": "n", "cidr": "10.0.0.0/16"}
    assert [row["name"] for row in client.get("/api/v1/regions").json()["results"]] == ["here"]
    made = client.post("/api/v1/vpcs", body, format="json")
    assert made.status_code == 202 and made.json()["resource"]["region"]["id"] == "here"
    for path, sent in (
        ("vpcs", {**body, "region": "new"}),
        ("security-groups", {"name": "n", "region": "new"}),
    ):
        for url in (f"/api/v1/{path}", f"/api/v1/{path}?dry_run=1"):
            answer = client.post(url, sent, format="json").json()
            errors = (answer.get("refusals") or [answer])[0]["errors"]
            assert errors[0]["field"] == "region" and "not open to tenants" in errors[0]["message"], url
    assert 'value="new"' not in page_client(alice).get("/vpcs/create/").content.decode()
    make_ready(closed)
    for path in ("instance-types", "images", "compute-clusters", "storage-clusters"):
        assert client.get(f"/api/v1/{path}").json()["results"] == [], path
    assert Vpc.objects.get().region == here


def test_new_accounts_get_networks_in_open_regions_only(project_a: Project, closed: Region) -> None:
    here = factories.make_region("here")
    create_default_network(SYSTEM, project_a)
    assert [vpc.region for vpc in Vpc.objects.all()] == [here]


def test_when_a_region_opens_every_account_gets_its_network_there_once(
    tenant_a: Tenant, tenant_b: Tenant, closed: Region
) -> None:
    factories.make_region("here")
    own = Project.objects.create(tenant=tenant_a, name="own project of a member")
    bare = Project.objects.create(tenant=tenant_a, name="bare")
    for project in (default_project(tenant_a), default_project(tenant_b), own):
        create_default_network(SYSTEM, project)
    assert make_due_networks() == 0
    make_ready(closed)
    open_region(SYSTEM, closed)
    assert make_due_networks() == 3
    assert make_due_networks() == 0
    assert {vpc.project for vpc in Vpc.objects.filter(region=closed)} == {
        default_project(tenant_a),
        default_project(tenant_b),
        own,
    }
    for model in (Subnet, SecurityGroup):
        assert model.objects.filter(region=closed, name="default").count() == 3
    assert not Vpc.objects.filter(project=bare).exists()


def test_an_account_without_quota_keeps_no_other_from_its_network(
    tenant_a: Tenant, tenant_b: Tenant, closed: Region
) -> None:
    Quota.objects.filter(tenant=tenant_a, metric="vpc").update(limit=0)
    make_ready(closed)
    open_region(SYSTEM, closed)
    assert make_due_networks() == 1
    assert Vpc.objects.get().tenant == tenant_b
    assert not Region.objects.get().default_networks_due


def test_what_a_tenant_has_in_a_region_stays_when_it_is_closed(alice: User, project_a: Project) -> None:
    region = factories.make_region("here")
    factories.make_region("there")
    create_default_network(SYSTEM, project_a)
    close_region(SYSTEM, region)
    client, vpc = api_client(alice), Vpc.objects.get(region=region)
    assert {row["name"] for row in client.get("/api/v1/regions").json()["results"]} == {"here", "there"}
    assert client.patch(f"/api/v1/vpcs/{vpc.pk}", {"name": "new"}, format="json").status_code == 200
    sent = {"name": "n", "vpc": str(vpc.pk), "cidr": "10.0.128.0/24"}
    answer = client.post("/api/v1/subnets", sent, format="json")
    assert answer.status_code == 422 and answer.json()["errors"][0]["field"] == "vpc"


def test_the_default_region_is_where_the_tenants_things_are_and_what_has_room(
    alice: User, project_a: Project
) -> None:
    with pytest.raises(Invalid):
        default_region(project_a)
    empty = factories.make_region("a-empty")
    assert default_region(project_a) == empty
    small, large = factories.make_region("small"), factories.make_region("large")
    factories.make_host(factories.make_cluster(small), memory_gib=8)
    hosts = [factories.make_host(factories.make_cluster(large), memory_gib=64)]
    assert default_region(project_a) == large, "nothing anywhere: most room"
    place: dict[str, Any] = {"kind": "vm", "tenant": project_a.tenant, "project": project_a, "name": "vm"}
    Resource.objects.create(region=small, **place)
    assert default_region(project_a) == small, "where things are"
    Resource.objects.create(region=empty, **place)
    Resource.objects.create(region=empty, **place)
    assert default_region(project_a) == small, "no room in the other"
    type(hosts[0]).objects.filter(cluster__region=small).update(memory_reserved_mib=8 * 1024)
    assert default_region(project_a) == large, "full"
    assert chosen_region(actor_for_user(alice), project_a, "a-empty") == empty
    form = page_client(alice).get("/vpcs/create/").content.decode()
    assert form.index('value="large"') < form.index('value="a-empty"') < form.index('value="small"')
