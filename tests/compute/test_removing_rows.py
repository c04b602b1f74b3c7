"""Removing resources takes along what belongs to them, and nothing else."""

from __future__ import annotations

import pytest
from django.apps import apps
from django.db import IntegrityError, connection, models, transaction
from django.test.utils import CaptureQueriesContext

from apps.accounts.models import Tenant, User
from apps.compute.models import Vm
from apps.lifecycle.bulk_insert import remove
from apps.lifecycle.models import Event, Kind, Operation, OperationLock, Resource
from apps.network.models import Nic, Subnet, Vpc
from apps.storage.models import Disk
from tests import factories
from tests.compute.factories import Cloud, make_vm

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_vm_goes_with_its_disk_and_all_that_tells_of_them_but_not_its_operations(
    cloud: Cloud, alice: User, tenant_a: Tenant
) -> None:
    subnet = cloud.network(tenant_a)
    vm, other = (make_vm(factories.actor_for_user(alice), cloud, subnet, name=name) for name in ("a", "b"))
    disk = Disk.objects.get(vm=vm)
    created = Operation.objects.get(target_id=vm.pk)
    for row in (vm, disk, other):
        Event.objects.create(resource=row, code="seen", message="seen")
        OperationLock.objects.create(resource=row, operation=created)
    Nic.objects.filter(owner=vm).delete()
    with transaction.atomic(), CaptureQueriesContext(connection) as asked:
        remove([vm, disk])
    assert len(asked) <= 13  # one for each column that refers to them, too
    created.refresh_from_db()
    assert created.resource_id is None and created.target_id == vm.pk
    assert not Resource.objects.filter(pk__in=[vm.pk, disk.pk]).exists()
    assert list(Event.objects.values_list("resource", flat=True)) == [other.pk]
    assert list(OperationLock.objects.values_list("resource", flat=True)) == [other.pk]
    assert list(Vm.objects.all()) == [other] and Disk.objects.get().vm == other


def test_what_others_need_is_not_removed(cloud: Cloud, tenant_a: Tenant) -> None:
    subnet = cloud.network(tenant_a)
    with pytest.raises(IntegrityError), transaction.atomic():
        remove([Vpc.objects.get(pk=subnet.vpc_id)])
    assert Vpc.objects.filter(pk=subnet.vpc_id).exists() and Subnet.objects.filter(pk=subnet.pk).exists()


@pytest.mark.parametrize("kind", [one for one in apps.get_models() if issubclass(one, Kind)])
def test_what_belongs_to_a_kind_has_nothing_of_its_own_that_would_be_left(kind: type[Kind]) -> None:
    """Foreign keys say what becomes of a row in one of these three ways; `remove` knows no other."""
    known = (models.CASCADE, models.SET_NULL, models.PROTECT)
    for model in (Resource, kind):
        for relation in model._meta.get_fields(include_hidden=True):
            if isinstance(relation, models.ManyToOneRel) and not relation.parent_link:
                assert relation.field.remote_field.on_delete in known, relation.field
