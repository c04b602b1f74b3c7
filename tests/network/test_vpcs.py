from __future__ import annotations

import pytest

from apps.accounts.models import Project, Tenant, User
from apps.drivers.errors import DriverError
from apps.drivers.specs import SubnetSpec, VpcSpec
from apps.infrastructure import backends
from apps.infrastructure.models import Region
from apps.lifecycle.actor import Actor
from apps.lifecycle.engine import execute
from apps.lifecycle.errors import InUse, Invalid, NotFound, NotNow, QuotaExceeded
from apps.lifecycle.models import Operation, State
from apps.network.models import Subnet, Vpc
from apps.network.ranges import DEFAULT_RANGES, allowed_ranges
from apps.network.services.allowed_ranges import set_allowed_ranges
from apps.network.services.subnet import create_subnet, retry_subnet
from apps.network.services.vpc import create_vpc, delete_vpc, retry_vpc
from apps.quotas.models import Quota
from tests import factories
from tests.network.factories import make_subnet, make_vpc, settle

pytestmark = pytest.mark.django_db


def used(tenant: Tenant, metric: str = "vpc") -> int:
    return Quota.objects.get(tenant=tenant, metric=metric).used


@pytest.mark.requirement("VP-1")
@pytest.mark.parametrize("cidr", ["10.0.0.0/16", "10.0.4.0/22", "172.16.255.248/29", "192.168.7.0/24"])
def test_a_vpc_is_made_from_an_allowed_block(owner: Actor, region: Region, cidr: str) -> None:
    operation = create_vpc(owner, name="web", cidr=cidr)
    settle(operation)
    vpc = Vpc.objects.get(pk=operation.target_id)
    assert (str(vpc.cidr), vpc.state, vpc.region) == (cidr, State.READY, region)
    assert str(vpc.pk) in backends.fabric(region).inventory().of(VpcSpec)


@pytest.mark.requirement("VP-1")
@pytest.mark.parametrize(
    "cidr",
    [
        "10.0.0.0/15",
        "10.1.0.0/16",
        "10.0.0.0/30",
        "127.0.0.0/16",
        "0.0.0.0/16",
        "169.254.0.0/16",
        "8.8.8.0/24",
        "10.0.0.1/16",
        "10.0.0.0",
        "fd00::/64",
        "",
        "x",
        "10.0.0.0/33",
    ],
)
def test_any_other_block_is_refused_and_nothing_is_left_behind(
    owner: Actor, region: Region, tenant_a: Tenant, cidr: str
) -> None:
    with pytest.raises(Invalid) as refusal:
        create_vpc(owner, name="web", cidr=cidr)
    assert list(refusal.value.fields) == ["cidr"]
    assert not Vpc.objects.exists()
    assert used(tenant_a) == 0


def test_a_block_with_host_bits_is_refused_with_what_was_probably_meant(owner: Actor, region: Region) -> None:
    with pytest.raises(Invalid, match=r"10\.0\.4\.0/24"):
        create_vpc(owner, name="web", cidr="10.0.4.9/24")


@pytest.mark.requirement("VP-1")
def test_the_admin_changes_the_allowed_blocks(owner: Actor, region: Region, ada: User) -> None:
    admin = factories.actor_for_user(ada)
    set_allowed_ranges(admin, ranges=[{"cidr": "10.64.0.0/10", "min_prefix": 12, "max_prefix": 24}])
    settle(create_vpc(owner, name="wide", cidr="10.96.0.0/12"))
    with pytest.raises(Invalid):
        create_vpc(owner, name="before", cidr="192.168.0.0/16")
    set_allowed_ranges(admin, ranges=[])
    assert allowed_ranges() == DEFAULT_RANGES


@pytest.mark.requirement("VP-1")
@pytest.mark.parametrize("cidr", ["127.0.0.0/16", "169.254.0.0/16", "0.0.0.0/8", "0.0.0.0/0"])
def test_not_even_the_admin_allows_what_cannot_be_routed(ada: User, cidr: str) -> None:
    with pytest.raises(Invalid) as refusal:
        set_allowed_ranges(
            factories.actor_for_user(ada),
            ranges=[
                {"cidr": "10.0.0.0/8", "min_prefix": 8, "max_prefix": 29},
                {"cidr": cidr, "min_prefix": 16, "max_prefix": 29},
            ],
        )
    assert list(refusal.value.fields) == ["ranges.1.cidr"]
    assert allowed_ranges() == DEFAULT_RANGES


@pytest.mark.requirement("VP-3")
def test_every_vpc_has_an_identifier_of_its_own_and_blocks_may_repeat(
    project_a: Project, project_b: Project, region: Region
) -> None:
    vpcs = [make_vpc(project, region) for project in (project_a, project_a, project_b)]
    assert len({vpc.vni for vpc in vpcs}) == 3
    assert {str(vpc.cidr) for vpc in vpcs} == {"10.0.0.0/16"}


def test_the_first_subnet_can_be_asked_for_with_the_vpc(owner: Actor, region: Region) -> None:
    vpc_operation = create_vpc(owner, name="web", cidr="10.0.0.0/16", subnet_cidr="10.0.0.0/24")
    subnet = Subnet.objects.get(vpc=vpc_operation.target_id)
    settle(vpc_operation)
    settle(Operation.objects.get(resource=subnet))
    assert str(subnet.pk) in backends.fabric(region).inventory().of(SubnetSpec)


def test_a_bad_first_subnet_is_told_at_its_field_and_no_vpc_is_made(owner: Actor, region: Region) -> None:
    with pytest.raises(Invalid) as refusal:
        create_vpc(owner, name="web", cidr="10.0.0.0/16", subnet_cidr="192.168.0.0/24")
    assert list(refusal.value.fields) == ["subnet_cidr"]
    assert not Vpc.objects.exists()


@pytest.mark.requirement("AC-2")
def test_a_vpc_over_quota_is_refused(region: Region) -> None:
    tenant = factories.make_tenant(vpc=1)
    actor = factories.actor_for_user(factories.make_owner(tenant))
    create_vpc(actor, name="one", cidr="10.0.0.0/16")
    with pytest.raises(QuotaExceeded):
        create_vpc(actor, name="two", cidr="10.0.0.0/16")


@pytest.mark.requirement("VP-4")
def test_a_vpc_with_subnets_is_not_deleted_and_they_are_named(owner: Actor, vpc: Vpc) -> None:
    subnet = make_subnet(vpc)
    with pytest.raises(InUse) as refusal:
        delete_vpc(owner, vpc)
    assert subnet.name in refusal.value.message
    assert refusal.value.details["resources"] == [
        {"kind": "subnet", "id": str(subnet.pk), "name": subnet.name}
    ]


def test_a_deleted_vpc_leaves_neither_row_nor_router_nor_quota(
    owner: Actor, vpc: Vpc, region: Region, tenant_a: Tenant
) -> None:
    assert used(tenant_a) == 1
    settle(delete_vpc(owner, vpc))
    assert not Vpc.objects.exists()
    assert str(vpc.pk) not in backends.fabric(region).inventory().of(VpcSpec)
    assert used(tenant_a) == 0


def test_deleting_goes_on_from_where_a_dead_worker_left_it(
    owner: Actor, vpc: Vpc, region: Region, tenant_a: Tenant
) -> None:
    operation = delete_vpc(owner, vpc)
    backends.fabric(region).ensure_absent(VpcSpec, str(vpc.pk))
    settle(operation)
    assert used(tenant_a) == 0


def test_a_vpc_that_failed_says_why_and_can_be_deleted(owner: Actor, region: Region) -> None:
    operation = create_vpc(owner, name="web", cidr="10.0.0.0/16")
    cause = DriverError("The network is full.", code="fabric.invalid", permanent=True)
    backends.memory_world().fail("fabric.ensure_vpc", cause, times=1)
    execute(operation.pk)
    vpc = Vpc.objects.get(pk=operation.target_id)
    assert (vpc.state, vpc.error["message"]) == (State.ERROR, "The network is full.")
    with pytest.raises(Exception, match="has failed"):
        create_subnet(owner, vpc=vpc.pk, name="s", cidr="10.0.0.0/24")
    settle(delete_vpc(owner, vpc))
    assert not Vpc.objects.exists()


@pytest.mark.requirement("AC-1")
def test_a_stranger_neither_deletes_a_vpc_nor_puts_a_subnet_in_it(stranger: Actor, vpc: Vpc) -> None:
    with pytest.raises(NotFound):
        delete_vpc(stranger, vpc)
    with pytest.raises(NotFound):
        create_subnet(stranger, vpc=vpc.pk, name="mine", cidr="10.0.1.0/24")


@pytest.mark.requirement("OP-4")
def test_what_failed_is_made_by_trying_again(owner: Actor, region: Region) -> None:
    vpc_operation = create_vpc(owner, name="web", cidr="10.0.0.0/16", subnet_cidr="10.0.0.0/24")
    subnet = Subnet.objects.get()
    cause = DriverError("The network is full.", code="fabric.invalid", permanent=True)
    backends.memory_world().fail("fabric.ensure_vpc", cause, times=1)
    execute(vpc_operation.pk)
    execute(Operation.objects.get(resource=subnet).pk)
    subnet.refresh_from_db()
    assert (subnet.state, subnet.error["code"]) == (State.ERROR, "vpc.failed")

    vpc = Vpc.objects.get()
    settle(retry_vpc(owner, vpc))
    settle(retry_subnet(owner, subnet))
    subnet.refresh_from_db()
    assert (subnet.state, subnet.error) == (State.READY, {})
    with pytest.raises(NotNow):
        retry_vpc(owner, vpc)
