from __future__ import annotations

import pytest

from apps.accounts.models import Project, User
from apps.infrastructure.models import Region
from apps.lifecycle.actor import SYSTEM
from apps.lifecycle.models import Operation
from apps.network.models import SecurityGroup, Subnet, Vpc
from apps.network.rules import service_name
from apps.network.services.default_network import create_default_network
from apps.tenancy.services.members import create_member
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
