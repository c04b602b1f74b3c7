from __future__ import annotations

import pytest

from apps.accounts.models import Project, Tenant, User
from apps.drivers.specs import SubnetSpec
from apps.infrastructure import backends
from apps.infrastructure.models import Region
from apps.lifecycle.actor import Actor
from apps.lifecycle.engine import execute
from apps.lifecycle.errors import Forbidden, InUse, Invalid
from apps.lifecycle.models import Operation, OperationStatus, State
from apps.network.models import Subnet, Vpc
from apps.network.selectors import with_free_addresses
from apps.network.services.addresses import allocate_nic, free_nics
from apps.network.services.subnet import create_subnet, delete_subnet
from apps.network.services.vpc import create_vpc
from apps.network.specs import subnet_spec
from apps.quotas.models import Quota
from tests import factories
from tests.network.factories import make_machine, make_subnet, make_vpc, settle

pytestmark = pytest.mark.django_db


@pytest.mark.requirement("VP-2")
def test_a_subnet_has_its_first_address_as_gateway(owner: Actor, vpc: Vpc, region: Region) -> None:
    operation = create_subnet(owner, vpc=vpc.pk, name="db", cidr="10.0.8.0/21")
    settle(operation)
    subnet = Subnet.objects.get(pk=operation.target_id)
    assert str(subnet.gateway) == "10.0.8.1"
    assert subnet.state == State.READY
    assert (subnet.project_id, subnet.tenant_id, subnet.region_id) == (
        vpc.project_id,
        vpc.tenant_id,
        region.pk,
    )
    assert str(subnet.pk) in backends.fabric(region).inventory().of(SubnetSpec)


def test_a_subnet_hands_out_the_name_servers_of_its_region(vpc: Vpc, region: Region) -> None:
    Region.objects.filter(pk=region.pk).update(dns_servers=["192.0.2.53"])
    spec = subnet_spec(Subnet.objects.get(pk=make_subnet(vpc).pk))
    assert spec.dns == ("192.0.2.53",)


@pytest.mark.requirement("VP-2")
@pytest.mark.parametrize(
    ("cidr", "why"),
    [
        ("10.1.0.0/24", "Not inside"),
        ("10.0.0.0/8", "Not inside"),
        ("10.0.0.0/30", "/29 or larger"),
        ("10.0.3.0/24", "Overlaps subnet"),
        ("10.0.0.0/16", "Overlaps subnet"),
        ("10.0.3.128/29", "Overlaps subnet"),
    ],
)
def test_a_subnet_lies_inside_its_vpc_and_beside_the_others(
    owner: Actor, vpc: Vpc, tenant_a: Tenant, cidr: str, why: str
) -> None:
    make_subnet(vpc, "10.0.3.0/24")
    with pytest.raises(Invalid, match=why) as refusal:
        create_subnet(owner, vpc=vpc.pk, name="db", cidr=cidr)
    assert list(refusal.value.fields) == ["cidr"]
    assert Subnet.objects.count() == 1
    assert Quota.objects.get(tenant=tenant_a, metric="subnet").used == 1


@pytest.mark.requirement("VP-3")
def test_subnets_of_different_vpcs_may_overlap(project_a: Project, region: Region) -> None:
    for _ in range(2):
        make_subnet(make_vpc(project_a, region))
    assert Subnet.objects.count() == 2


@pytest.mark.requirement("VP-2")
def test_free_addresses_are_counted_in_one_query_for_all_subnets(
    project_a: Project, region: Region, vpc: Vpc, django_assert_num_queries: pytest.FixtureRequest
) -> None:
    small, large = make_subnet(vpc, "10.0.0.0/29"), make_subnet(vpc, "10.0.1.0/24")
    for _ in range(3):
        allocate_nic(large, make_machine(project_a, region))
    with django_assert_num_queries(1):  # type: ignore[operator]
        free = {s.pk: s.free_addresses for s in with_free_addresses(Subnet.objects.all())}
    # All but network, gateway and broadcast address.
    assert free == {small.pk: 8 - 3, large.pk: 256 - 3 - 3}


@pytest.mark.requirement("VP-4")
def test_a_subnet_with_machines_in_it_is_not_deleted_and_they_are_named(
    owner: Actor, project_a: Project, region: Region, subnet: Subnet
) -> None:
    machine = make_machine(project_a, region, "web-1")
    allocate_nic(subnet, machine)
    with pytest.raises(InUse) as refusal:
        delete_subnet(owner, subnet)
    assert refusal.value.details["resources"] == [{"kind": "vm", "id": str(machine.pk), "name": "web-1"}]
    free_nics(machine)
    settle(delete_subnet(owner, subnet))
    assert not Subnet.objects.exists()
    assert str(subnet.pk) not in backends.fabric(region).inventory().of(SubnetSpec)


def test_a_refusal_names_some_users_and_counts_all(
    owner: Actor, project_a: Project, region: Region, subnet: Subnet
) -> None:
    for _ in range(23):
        allocate_nic(subnet, make_machine(project_a, region))
    with pytest.raises(InUse, match="used by 23") as refusal:
        delete_subnet(owner, subnet)
    assert refusal.value.details["count"] == 23


@pytest.mark.requirement("OP-1")
def test_a_subnet_whose_vpc_is_still_on_its_way_waits_for_it(owner: Actor, region: Region) -> None:
    vpc_operation = create_vpc(owner, name="web", cidr="10.0.0.0/16", subnet_cidr="10.0.0.0/24")
    subnet_operation = Operation.objects.get(verb="subnet.create")
    execute(subnet_operation.pk)
    subnet_operation.refresh_from_db()
    assert subnet_operation.status == OperationStatus.QUEUED
    assert subnet_operation.error["code"] == "vpc.pending"
    settle(vpc_operation)
    Operation.objects.filter(pk=subnet_operation.pk).update(not_before=subnet_operation.created_at)
    settle(subnet_operation)


@pytest.mark.requirement("AC-1")
def test_a_member_who_only_operates_makes_no_subnet(vpc: Vpc, otto: User) -> None:
    with pytest.raises(Forbidden):
        create_subnet(factories.actor_for_user(otto), vpc=vpc.pk, name="db", cidr="10.0.0.0/24")
