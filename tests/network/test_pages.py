"""Networks in the portals, as a person uses them."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from apps.accounts.models import Project, User
from apps.infrastructure.models import Region
from apps.lifecycle.models import Operation
from apps.network.models import SecurityGroup, Subnet, Vpc
from apps.network.services.addresses import allocate_nic
from tests.factories import page_client
from tests.network.factories import make_group, make_machine, make_subnet, make_vpc, settle

pytestmark = pytest.mark.django_db

SSH = {"direction": "in", "protocol": "ssh", "address": "192.0.2.0/24", "description": "office"}


@pytest.fixture
def page(alice: User) -> Client:
    return page_client(alice)


@pytest.fixture
def group(project_a: Project, region: Region) -> SecurityGroup:
    return make_group(project_a, region, SSH)


def text(response: Any) -> str:
    return response.content.decode()


def rows(*typed: tuple[str, ...], **more: object) -> dict[str, object]:
    """Return a POST of the rule editor: (direction, protocol, port, address, action, priority, description)."""
    names = ("direction", "protocol", "port", "address", "action", "priority", "description")
    return {f"rule_{name}": [row[n] for row in typed] for n, name in enumerate(names)} | more


def settle_all() -> None:
    for operation in Operation.objects.open().order_by("sequence"):
        settle(operation)


@pytest.mark.requirement("VP-1")
def test_a_vpc_is_made_with_its_first_subnet_from_one_form(
    page: Client, region: Region, project_a: Project
) -> None:
    form = text(page.get("/vpcs/create/"))
    assert "10.0.0.0/16" in form and "172.16.0.0/16 (/16-/29)" in form
    response = page.post(
        "/vpcs/create/",
        {
            "name": "web",
            "project": project_a.uid,
            "region": region.name,
            "cidr": "10.0.0.0/16",
            "subnet_cidr": "10.0.0.0/24",
        },
    )
    vpc = Vpc.objects.get()
    assert (response.status_code, response["Location"]) == (302, f"/vpcs/{vpc.pk}/")
    settle_all()
    shown = text(page.get(f"/vpcs/{vpc.pk}/subnets/"))
    assert "10.0.0.0/24" in shown and "253" in shown


def test_a_refused_block_is_told_at_its_field_and_nothing_typed_is_lost(
    page: Client, region: Region, project_a: Project
) -> None:
    response = page.post(
        "/vpcs/create/",
        {"name": "my web", "project": project_a.uid, "region": region.name, "cidr": "8.8.8.0/24"},
    )
    assert response.status_code == 422
    assert "Not allowed for VPCs" in text(response)
    assert 'value="my web"' in text(response) and 'value="8.8.8.0/24"' in text(response)


@pytest.mark.requirement("VP-2")
def test_a_subnet_is_made_from_its_vpc(page: Client, vpc: Vpc) -> None:
    assert f'value="{vpc.pk}" selected' in text(page.get("/subnets/create/", {"vpc": str(vpc.pk)}))
    page.post("/subnets/create/", {"vpc": vpc.pk, "name": "db", "cidr": "10.0.8.0/21"})
    settle_all()
    subnet = Subnet.objects.get()
    shown = text(page.get(f"/subnets/{subnet.pk}/"))
    assert "10.0.8.1" in shown and "2,045 of 2,045" in shown


@pytest.mark.requirement("VP-4")
def test_deleting_a_vpc_in_use_says_by_what(page: Client, subnet: Subnet) -> None:
    response = page.post(f"/vpcs/{subnet.vpc_id}/delete/", {"typed_name": subnet.vpc.name})
    assert subnet.name in text(response)
    assert Vpc.objects.exists()


def test_what_is_in_a_subnet_and_what_a_group_guards_is_shown(
    page: Client, subnet: Subnet, group: SecurityGroup, project_a: Project, region: Region
) -> None:
    nic = allocate_nic(subnet, make_machine(project_a, region, "web-1"), security_group=group)
    for path in (f"/subnets/{subnet.pk}/addresses/", f"/security-groups/{group.pk}/used-by/"):
        shown = text(page.get(path))
        assert "web-1" in shown and str(nic.ip) in shown and nic.mac in shown


@pytest.mark.requirement("SG-1")
def test_a_group_is_made_with_the_rules_typed(page: Client, region: Region, project_a: Project) -> None:
    assert 'value="0.0.0.0/0"' in text(page.get("/security-groups/create/"))
    response = page.post(
        "/security-groups/create/",
        rows(
            ("in", "https", "", "0.0.0.0/0", "accept", "medium", "the shop"),
            ("in", "tcp", "", "", "accept", "medium", ""),
            name="shop",
            project=project_a.uid,
            region=region.name,
        ),
    )
    assert response.status_code == 302, text(response)
    settle_all()
    group = SecurityGroup.objects.get()
    shown = text(page.get(f"/security-groups/{group.pk}/"))
    assert "HTTPS" in shown and "443" in shown and "the shop" in shown
    assert group.rules.count() == 1


@pytest.mark.requirement("SG-2")
def test_a_wrong_rule_is_told_at_its_row_and_nothing_typed_is_lost(
    page: Client, group: SecurityGroup
) -> None:
    response = page.post(
        f"/security-groups/{group.pk}/rules/edit/",
        rows(
            ("in", "tcp", "", "", "accept", "medium", ""),
            ("in", "tcp", "22", "10.0.0.0/8", "accept", "high", "fine"),
            ("out", "udp", "53", "not an address", "reject", "low", "look here"),
            generation=1,
        ),
    )
    assert response.status_code == 422
    blank, fine, wrong = response.context["editor"].rows
    assert (blank.errors, fine.errors) == ({}, {})
    assert list(wrong.errors) == ["address"]
    for typed in ("fine", "not an address", "look here", "An address or CIDR block"):
        assert typed in text(response)
    assert group.rules.get().description == "office"


@pytest.mark.requirement("SG-1")
def test_rules_are_edited_and_applied_together(page: Client, group: SecurityGroup) -> None:
    edit = f"/security-groups/{group.pk}/rules/edit/"
    shown = text(page.get(edit))
    assert 'value="192.0.2.0/24"' in shown and 'value="office"' in shown
    response = page.post(edit, rows(("out", "all", "", "::/0", "reject", "high", ""), generation=1))
    assert response["Location"] == f"/security-groups/{group.pk}/"
    settle_all()
    rule = group.rules.get()
    assert (rule.direction, rule.protocol, str(rule.cidr), rule.action) == ("out", "all", "::/0", "reject")


def test_rows_are_added_moved_and_removed_without_scripts(page: Client, group: SecurityGroup) -> None:
    edit = f"/security-groups/{group.pk}/rules/edit/"
    typed = [
        ("in", "tcp", "1", "::/0", "accept", "medium", "one"),
        ("in", "tcp", "2", "::/0", "accept", "medium", "two"),
    ]

    def after(command: str) -> list[str]:
        response = page.post(edit, rows(*typed, do=command, generation=1))
        assert response.status_code == 200
        return [row.values["description"] for row in response.context["editor"].rows]

    assert after("add") == ["one", "two", ""]
    assert after("up:1") == after("down:0") == ["two", "one"]
    assert after("up:0") == after("down:1") == after("remove:9") == ["one", "two"]
    assert after("remove:0") == ["two"]
    assert group.rules.get().description == "office"
    assert not Operation.objects.open().exists()


def test_rules_someone_else_changed_are_shown_as_a_conflict_with_what_was_typed(
    page: Client, group: SecurityGroup
) -> None:
    edit = f"/security-groups/{group.pk}/rules/edit/"
    mine = ("in", "tcp", "8080", "::/0", "accept", "medium", "mine")
    page.post(edit, rows(mine, generation=1))
    settle_all()
    response = page.post(edit, rows(("in", "tcp", "9090", "::/0", "accept", "medium", "late"), generation=1))
    assert response.status_code == 409
    assert "Another user changed" in text(response) and "late" in text(response)
    assert group.rules.get().description == "mine"


@pytest.mark.requirement("VP-1")
def test_the_admin_sets_the_allowed_blocks(ada: User, page: Client) -> None:
    admin = page_client(ada)
    assert "192.168.0.0/16 16-29" in text(admin.get("/admin/vpc-ranges/"))
    wrong = admin.post("/admin/vpc-ranges/", {"ranges": "10.0.0.0/8 4-29"})
    assert wrong.status_code == 422 and "The prefix length must be from" in text(wrong)
    assert "10.0.0.0/8 4-29" in text(wrong)
    assert admin.post("/admin/vpc-ranges/", {"ranges": "10.0.0.0/8 12-28\n\n"}).status_code == 302
    assert "10.0.0.0/8 12-28" in text(admin.get("/admin/vpc-ranges/"))
    assert page.get("/admin/vpc-ranges/").status_code == 404


@pytest.mark.parametrize("plural", ["vpcs", "subnets", "security-groups"])
def test_admins_see_the_networks_of_all_tenants(
    ada: User, project_a: Project, project_b: Project, region: Region, plural: str
) -> None:
    for project in (project_a, project_b):
        make_subnet(make_vpc(project, region))
        make_group(project, region)
    shown = text(page_client(ada).get(f"/admin/{plural}/"))
    assert "acme" in shown and "bolt" in shown


@pytest.mark.requirement("AC-1")
def test_a_stranger_finds_no_page(bob: User, subnet: Subnet, group: SecurityGroup) -> None:
    stranger = page_client(bob)
    for path in (
        f"/vpcs/{subnet.vpc_id}/",
        f"/subnets/{subnet.pk}/",
        f"/security-groups/{group.pk}/",
        f"/security-groups/{group.pk}/rules/edit/",
    ):
        assert stranger.get(path).status_code == 404
        assert stranger.post(path).status_code in {404, 405}


@pytest.mark.requirement("UX-1")
@pytest.mark.parametrize("plural", ["vpcs", "subnets", "security-groups"])
def test_a_list_costs_the_same_however_long_it_is(
    page: Client, project_a: Project, region: Region, plural: str
) -> None:
    def grow() -> None:
        make_subnet(make_vpc(project_a, region))
        make_group(project_a, region, SSH)

    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            assert page.get(f"/{plural}/").status_code == 200
        return len(captured)

    grow()
    queries()
    one = queries()
    grow()
    grow()
    assert queries() == one
