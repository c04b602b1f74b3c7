from __future__ import annotations

import pytest

from apps.accounts.models import Project, User
from apps.infrastructure.models import Region
from apps.lifecycle.actor import SYSTEM
from apps.lifecycle.models import Operation
from apps.network.models import SecurityGroup, Subnet, Vpc
from apps.network.rule_shortcuts import service_name
from apps.network.services.default_network import create_default_network
from apps.quotas.models import Quota
from apps.settings_pages.services import change_settings
from apps.tenancy.services.members import create_member
from apps.tenancy.services.tenants import create_tenant
from tests import factories
from tests.network.factories import settle

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("VP-5")]


def test_a_new_account_finds_a_network_in_every_region(project_a: Project, region: Region) -> None:
    south = factories.make_region("south")
    create_default_network(SYSTEM, project_a)
    for operation in Operation.objects.order_by("sequence"):
        settle(operation)
    assert {vpc.region for vpc in Vpc.objects.filter(project=project_a)} == {region, south}
    assert {(str(s.vpc.cidr), str(s.cidr)) for s in Subnet.objects.all()} == {("10.0.0.0/16", "10.0.0.0/20")}
    assert SecurityGroup.objects.filter(project=project_a).count() == 2


def test_the_default_group_lets_in_ssh_and_ping_and_everything_out(
    project_a: Project, region: Region
) -> None:
    create_default_network(SYSTEM, project_a)
    rules = SecurityGroup.objects.get().rules.all()
    incoming = {service_name(r.protocol, str(r.port_min or "")) for r in rules if r.direction == "in"}
    assert incoming == {"SSH", "PING"}
    assert {(r.protocol, str(r.cidr)) for r in rules if r.direction == "out"} == {
        ("all", "0.0.0.0/0"),
        ("all", "::/0"),
    }


def test_a_new_sub_account_gets_a_network_of_its_own(alice: User, region: Region) -> None:
    assert alice.tenant is not None
    create_member(factories.actor_for_user(alice), alice.tenant, "newcomer")
    vpc = Vpc.objects.get()
    assert vpc.project is not None and vpc.project.name == "newcomer"


@pytest.fixture
def used_up(alice: User) -> None:
    """Alice's tenant may have no more VPCs."""
    Quota.objects.filter(tenant=alice.tenant, metric="vpc").update(limit=0)


def test_a_member_is_added_though_no_vpc_fits_the_quota(alice: User, region: Region, used_up: None) -> None:
    answer = factories.session_client(alice).post("/api/v1/members", {"username": "newcomer"}, format="json")
    assert answer.status_code == 201, answer.content
    assert User.objects.filter(username="newcomer").exists()
    assert not Vpc.objects.exists() and not SecurityGroup.objects.exists(), "all of it or nothing"


def test_a_tenant_is_created_though_no_vpc_fits_the_quota(ada: User, region: Region) -> None:
    change_settings(factories.actor_for_user(ada), {"default_quota_vpc": 0})
    tenant, _owner, _password = create_tenant(factories.actor_for_user(ada), "new", "new-owner")
    assert tenant.projects.filter(is_default=True).exists() and not Vpc.objects.exists()


def test_the_default_network_is_created_later_by_api(alice: User, region: Region, used_up: None) -> None:
    assert alice.tenant is not None
    create_member(factories.actor_for_user(alice), alice.tenant, "newcomer")
    url = f"/api/v1/projects/{alice.tenant.projects.get(name='newcomer').uid}/default-network"
    client = factories.api_client(alice)
    refused = client.post(url, format="json")
    assert (refused.status_code, refused.json()["code"]) == (409, "quota.exceeded")
    Quota.objects.update(limit=10)
    made = client.post(url, {"region": region.name}, format="json")
    assert made.status_code == 202
    assert [operation["verb"] for operation in made.json()["operations"]] == [
        "vpc.create",
        "subnet.create",
        "security_group.create",
    ]
    for operation in Operation.objects.order_by("sequence"):
        settle(operation)
    assert Subnet.objects.get().vpc == Vpc.objects.get()
    again = client.post(url, format="json")
    assert (again.status_code, again.json()["code"]) == (409, "default_network.exists")
    wrong = client.post(url, {"region": "nowhere"}, format="json")
    assert wrong.json()["errors"][0]["field"] == "region"


def test_the_project_offers_it_on_its_page_to_whoever_may(
    alice: User, vera: User, region: Region, used_up: None
) -> None:
    assert alice.tenant is not None
    create_member(factories.actor_for_user(alice), alice.tenant, "newcomer")
    project = alice.tenant.projects.get(name="newcomer")
    page, make = f"/projects/{project.uid}/", f"/projects/{project.uid}/default-network/"
    browser = factories.page_client(alice)
    assert make in browser.get(page).content.decode()
    Quota.objects.update(limit=10)
    assert browser.post(make).status_code == 302
    assert Vpc.objects.get().project == project
    assert "has no VPC in" not in browser.get(page).content.decode()
    assert factories.page_client(vera).post(make).status_code in {403, 404}
