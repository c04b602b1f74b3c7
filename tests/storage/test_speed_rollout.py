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
from apps.storage.services.disk import set_disk_limits
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
