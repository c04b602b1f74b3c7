"""Sizes an admin may offer."""

from __future__ import annotations

import pytest
from django.db import IntegrityError, transaction

from apps.accounts.models import Tenant, User
from apps.compute.models import InstanceType
from apps.compute.selectors import visible_types
from apps.compute.services.instance_type import create_instance_type, delete_instance_type
from apps.infrastructure.services.clusters import create_compute_cluster, permit
from apps.lifecycle.actor import Actor
from apps.lifecycle.errors import Forbidden, Invalid
from apps.network.models import Subnet
from tests import factories
from tests.compute.factories import Cloud, make_vm

pytestmark = pytest.mark.django_db


@pytest.fixture
def admin(ada: User) -> Actor:
    return factories.actor_for_user(ada)


@pytest.mark.requirement("IT-1")
def test_a_cluster_is_born_with_the_default_types(admin: Actor) -> None:
    cluster = create_compute_cluster(admin, factories.make_region())
    assert [t.name for t in cluster.instance_types.all()] == ["1C2G", "2C4G", "4C8G", "8C16G", "16C32G"]


@pytest.mark.requirement("IT-2")
@pytest.mark.parametrize(("vcpu", "gib"), [(1, 1), (2, 1), (240, 1024), (6, 10)])
def test_one_and_even_numbers_are_allowed(admin: Actor, cloud: Cloud, vcpu: int, gib: int) -> None:
    made = create_instance_type(admin, cluster=cloud.cluster, vcpu=vcpu, memory_gib=gib)
    assert made.name == f"{vcpu}C{gib}G"


@pytest.mark.requirement("IT-2")
@pytest.mark.parametrize(
    ("vcpu", "gib", "field"),
    [
        (0, 2, "vcpu"),
        (3, 2, "vcpu"),
        (242, 2, "vcpu"),
        (-2, 2, "vcpu"),
        (2, 0, "memory_gib"),
        (2, 3, "memory_gib"),
        (2, 1026, "memory_gib"),
    ],
)
def test_other_numbers_are_refused_by_service_and_database(
    admin: Actor, cloud: Cloud, vcpu: int, gib: int, field: str
) -> None:
    with pytest.raises(Invalid) as refused:
        create_instance_type(admin, cluster=cloud.cluster, vcpu=vcpu, memory_gib=gib)
    assert list(refused.value.fields) == [field]
    with pytest.raises(IntegrityError), transaction.atomic():
        InstanceType.objects.create(cluster=cloud.cluster, name="odd", vcpu=max(vcpu, 0), memory_gib=gib)


@pytest.mark.requirement("IT-3")
def test_types_are_visible_to_tenants_that_may_use_the_cluster_only(
    admin: Actor, cloud: Cloud, owner: Actor, tenant_b: Tenant
) -> None:
    assert visible_types(owner).count() == 5
    permit(admin, cloud.cluster, open_to_all=False, tenants=[tenant_b])
    assert visible_types(owner).count() == 0


def test_tenants_cannot_make_or_delete_types(owner: Actor, cloud: Cloud) -> None:
    with pytest.raises(Forbidden):
        create_instance_type(owner, cluster=cloud.cluster, vcpu=2, memory_gib=2)
    with pytest.raises(Forbidden):
        delete_instance_type(owner, cloud.small)


def test_a_vm_keeps_its_size_when_its_type_goes(
    admin: Actor, cloud: Cloud, owner: Actor, subnet: Subnet
) -> None:
    vm = make_vm(owner, cloud, subnet)
    delete_instance_type(admin, cloud.small)
    vm.refresh_from_db()
    assert (vm.instance_type, vm.vcpu, vm.memory_mib) == (None, 1, 2048)
