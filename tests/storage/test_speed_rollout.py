"""A storage cluster's rule for speed, applied to the disks that it has."""

from __future__ import annotations

import pytest

from apps.accounts.models import User
from apps.compute.models import Vm
from apps.infrastructure.models import StorageCluster
from apps.infrastructure.services.storage_clusters import apply_speed, set_speed
from apps.lifecycle.actor import Actor
from apps.lifecycle.engine import execute
from apps.lifecycle.errors import NotNow
from apps.lifecycle.models import Operation, OperationStatus
from apps.storage.models import Disk
from apps.storage.qos import MIB, bounds
from apps.storage.services.disk import expand_disk, set_disk_limits
from apps.storage.speed_rollout import apply_due_rules
from tests import factories
from tests.compute.factories import Cloud
from tests.storage.factories import make_disk

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("EV-6")]


def carry_out() -> list[Operation]:
    """Carry out all that is open, and return it."""
    found = list(Operation.objects.filter(status=OperationStatus.QUEUED))
    for operation in found:
        execute(operation.pk)
        operation.refresh_from_db()
        assert operation.status == OperationStatus.DONE, operation.error
    return found


def test_a_rule_is_applied_on_request_to_disks_without_limits_of_their_own(
    cloud: Cloud, vm: Vm, owner: Actor, ada: User
) -> None:
    own, other = make_disk(owner, cloud), make_disk(owner, cloud)
    set_disk_limits(owner, own, iops=100)
    carry_out()
    admin = factories.actor_for_user(ada)
    set_speed(admin, cloud.storage, iops=700, iops_per_gib=0)
    apply_due_rules()
    assert not Operation.objects.filter(status=OperationStatus.QUEUED).exists()
    cluster = apply_speed(admin, cloud.storage)
    with pytest.raises(NotNow):
        apply_speed(admin, cluster)
    apply_due_rules()
    apply_due_rules()
    # Once for each: the system disk and that without limits.
    assert {operation.target_id for operation in carry_out()} == {vm.disks.get().pk, other.pk}
    assert dict(Disk.objects.values_list("pk", "iops")) == {
        vm.disks.get().pk: 700,
        other.pk: 700,
        own.pk: 100,
    }
    apply_due_rules()
    assert StorageCluster.objects.get().speed_due_at is None


def test_a_busy_disk_gets_the_rule_when_it_is_free(cloud: Cloud, owner: Actor, ada: User) -> None:
    disk, admin = make_disk(owner, cloud), factories.actor_for_user(ada)
    holding = set_disk_limits(owner, disk)
    set_speed(admin, cloud.storage, iops=700, iops_per_gib=0)
    apply_speed(admin, cloud.storage)
    apply_due_rules()
    assert carry_out() == [holding]
    assert StorageCluster.objects.get().speed_due_at is not None
    apply_due_rules()
    carry_out()
    assert Disk.objects.get().iops == 700


def test_limits_that_a_tenant_has_set_do_not_evade_a_rule_that_is_lowered(
    cloud: Cloud, owner: Actor, ada: User
) -> None:
    disk, other = make_disk(owner, cloud), make_disk(owner, cloud)
    most = bounds(cloud.storage, 10)
    set_disk_limits(owner, disk, iops=most.most_iops, bytes_per_second=most.most_mib * MIB)
    set_disk_limits(owner, other, iops=100)
    carry_out()
    admin = factories.actor_for_user(ada)
    set_speed(admin, cloud.storage, iops=700, iops_per_gib=0, mib=20, mib_per_gib=0)
    expand_disk(owner, other, size_gib=20)
    apply_speed(admin, cloud.storage)
    apply_due_rules()
    carry_out()
    disk.refresh_from_db()
    assert (disk.iops, disk.iops_set, disk.bytes_per_second, disk.bytes_set) == (
        700, 700, 20 * MIB, 20 * MIB
    )  # fmt: skip
    other.refresh_from_db()
    assert (other.iops, other.iops_set, other.bytes_per_second, other.bytes_set) == (100, 100, 20 * MIB, None)
    apply_due_rules()
    assert StorageCluster.objects.get().speed_due_at is None


def test_a_disk_that_grows_is_held_to_the_rule_of_today(cloud: Cloud, owner: Actor, ada: User) -> None:
    disk = make_disk(owner, cloud)
    set_disk_limits(owner, disk, iops=bounds(cloud.storage, 10).most_iops)
    carry_out()
    set_speed(factories.actor_for_user(ada), cloud.storage, iops=700, iops_per_gib=0)
    expand_disk(owner, disk, size_gib=20)
    disk.refresh_from_db()
    assert disk.iops == 700
