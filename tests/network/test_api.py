"""Networks through the API, as a program uses them."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from apps.accounts.models import Project, User
from apps.infrastructure.models import Region
from apps.lifecycle.models import Operation
from apps.network.models import SecurityGroup, Subnet, Vpc
from apps.network.services.addresses import allocate_nic
from tests.factories import api_client
from tests.network.factories import make_group, make_machine, make_subnet, make_vpc, settle

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("AC-4")]


@pytest.fixture
def api(alice: User) -> APIClient:
    return api_client(alice)


def accepted(response: Any) -> dict[str, Any]:
    """Carry out what was accepted; return the resource as answered."""
    assert response.status_code == 202, response.json()
    settle(Operation.objects.get(pk=response.json()["operation"]["id"]))
    resource: dict[str, Any] = response.json()["resource"]
    return resource


@pytest.mark.requirement("VP-1")
def test_a_vpc_lives_and_dies(api: APIClient, region: Region) -> None:
    made = accepted(api.post("/api/v1/vpcs", {"name": "web", "cidr": "10.0.0.0/16"}, format="json"))
    assert (made["state"], made["word"]) == ("pending", "Creating")
    one = f"/api/v1/vpcs/{made['id']}"
    shown = api.get(one).json()
    assert (shown["cidr"], shown["word"], shown["region"]["id"]) == ("10.0.0.0/16", "Available", "north")
    assert shown["vni"] >= 1000
    assert (
        api.patch(one, {"name": "shop", "description": "all of it"}, format="json").json()["name"] == "shop"
    )
    accepted(api.delete(one))
    assert api.get(one).status_code == 404


@pytest.mark.requirement("VP-2")
def test_a_subnet_shows_its_gateway_and_free_addresses(api: APIClient, vpc: Vpc) -> None:
    body = {"vpc": str(vpc.pk), "name": "db", "cidr": "10.0.7.0/24"}
    made = accepted(api.post("/api/v1/subnets", body, format="json"))
    assert made["gateway"] == "10.0.7.1"
    assert made["free_addresses"] == 253
    assert made["vpc"] == {"id": str(vpc.pk), "name": vpc.name}
    assert api.get(f"/api/v1/vpcs/{vpc.pk}").json()["subnet_count"] == 1
    listed = api.get("/api/v1/subnets", {"vpc": str(vpc.pk)}).json()["results"]
    assert [row["id"] for row in listed] == [made["id"]]


@pytest.mark.requirement("VP-2")
def test_an_overlapping_subnet_is_a_problem_at_its_field(api: APIClient, subnet: Subnet) -> None:
    body = {"vpc": str(subnet.vpc_id), "name": "db", "cidr": "10.0.0.0/22"}
    response = api.post("/api/v1/subnets", body, format="json")
    assert response.status_code == 422
    assert response["Content-Type"] == "application/problem+json"
    assert response.json()["errors"] == [
        {"field": "cidr", "message": f"Overlaps subnet {subnet.name} (10.0.1.0/24)."}
    ]


@pytest.mark.requirement("VP-4")
def test_a_refused_deletion_lists_what_is_in_the_way(api: APIClient, subnet: Subnet) -> None:
    response = api.delete(f"/api/v1/vpcs/{subnet.vpc_id}")
    assert response.status_code == 409
    assert response.json()["code"] == "resource.in_use"
    assert response.json()["details"]["resources"][0]["id"] == str(subnet.pk)


@pytest.mark.requirement("SG-2")
def test_a_security_group_is_made_shown_and_changed(api: APIClient, region: Region) -> None:
    rules = [{"direction": "in", "protocol": "ssh", "address": "192.0.2.7", "description": "office"}]
    made = accepted(api.post("/api/v1/security-groups", {"name": "web", "rules": rules}, format="json"))
    assert made["rules"] == [
        {
            "direction": "in",
            "protocol": "tcp",
            "port": "22",
            "service": "SSH",
            "address": "192.0.2.7/32",
            "action": "accept",
            "priority": "medium",
            "description": "office",
        }
    ]
    where = f"/api/v1/security-groups/{made['id']}"
    # What is answered can be sent back as it is.
    body = {"rules": [*made["rules"], {**made["rules"][0], "port": "8080"}], "generation": made["generation"]}
    accepted(api.post(f"{where}/set-rules", body, format="json"))
    shown = api.get(where).json()
    assert [rule["port"] for rule in shown["rules"]] == ["22", "8080"]
    stale = api.post(f"{where}/set-rules", body, format="json")
    assert (stale.status_code, stale.json()["code"]) == (409, "security_group.changed")


@pytest.mark.requirement("SG-2")
def test_a_wrong_rule_is_a_problem_at_its_row_and_field(api: APIClient, region: Region) -> None:
    rules = [
        {"direction": "in", "protocol": "tcp", "port": "80", "address": "::/0"},
        {"direction": "in", "protocol": "tcp", "port": "90-80", "address": "::/0"},
    ]
    response = api.post("/api/v1/security-groups", {"name": "web", "rules": rules}, format="json")
    assert response.status_code == 422
    assert [error["field"] for error in response.json()["errors"]] == ["rules.1.port"]
    assert not SecurityGroup.objects.exists()


def test_nics_are_found_by_what_they_are_in_and_bound_to(
    api: APIClient, subnet: Subnet, project_a: Project, project_b: Project, region: Region
) -> None:
    group = make_group(project_a, region)
    machine = make_machine(project_a, region, "web-1")
    nic = allocate_nic(subnet, machine, security_group=group)
    allocate_nic(subnet, make_machine(project_a, region))
    foreign = make_subnet(make_vpc(project_b, region))
    allocate_nic(foreign, make_machine(project_b, region))
    by = {
        "security_group": str(group.pk),
        "owner": str(machine.pk),
        "q": "10.0.1.2",
    }
    for name, value in by.items():
        (found,) = api.get("/api/v1/nics", {name: value}).json()["results"]
        assert (found["id"], found["ip"], found["owner"]["name"]) == (str(nic.pk), "10.0.1.2", "web-1")
    assert len(api.get("/api/v1/nics", {"vpc": str(subnet.vpc_id)}).json()["results"]) == 2
    assert len(api.get("/api/v1/nics").json()["results"]) == 2
    assert api.get(f"/api/v1/security-groups/{group.pk}").json()["bound_count"] == 1


def test_networks_are_found_by_an_address_in_them(api: APIClient, vpc: Vpc) -> None:
    make_subnet(vpc, "10.0.1.0/24")
    wanted = make_subnet(vpc, "10.0.2.0/24")
    found = api.get("/api/v1/subnets", {"q": "10.0.2.77"}).json()["results"]
    assert [row["id"] for row in found] == [str(wanted.pk)]


@pytest.mark.requirement("AC-1")
def test_a_stranger_sees_none_of_it(bob: User, subnet: Subnet, project_a: Project, region: Region) -> None:
    group = make_group(project_a, region)
    stranger = api_client(bob)
    for path in (f"vpcs/{subnet.vpc_id}", f"subnets/{subnet.pk}", f"security-groups/{group.pk}"):
        assert stranger.get(f"/api/v1/{path}").status_code == 404
        assert stranger.delete(f"/api/v1/{path}").status_code == 404
    for path in ("vpcs", "subnets", "security-groups", "nics"):
        assert stranger.get(f"/api/v1/{path}").json()["results"] == []


@pytest.mark.requirement("VP-1")
def test_only_an_admin_sets_the_allowed_blocks(api: APIClient, ada: User) -> None:
    ranges = {"ranges": [{"cidr": "10.0.0.0/8", "min_prefix": 12, "max_prefix": 28}]}
    assert len(api.get("/api/v1/vpc-ranges").json()["ranges"]) == 3
    assert api.put("/api/v1/vpc-ranges", ranges, format="json").status_code == 403
    assert api_client(ada).put("/api/v1/vpc-ranges", ranges, format="json").json() == ranges
    assert api.get("/api/v1/vpc-ranges").json() == ranges


@pytest.mark.parametrize("path", ["vpcs", "subnets", "security-groups", "nics"])
def test_a_list_costs_the_same_however_long_it_is(
    api: APIClient, project_a: Project, region: Region, path: str
) -> None:
    def grow() -> None:
        subnet = make_subnet(make_vpc(project_a, region))
        rule = {"direction": "in", "protocol": "ssh", "address": "::/0"}
        allocate_nic(
            subnet, make_machine(project_a, region), security_group=make_group(project_a, region, rule)
        )

    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            assert api.get(f"/api/v1/{path}").status_code == 200
        return len(captured)

    grow()
    queries()
    one = queries()
    grow()
    grow()
    assert queries() == one
