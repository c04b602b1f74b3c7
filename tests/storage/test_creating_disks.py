"""Creating data disks: blank, from a snapshot, from another disk; what is refused, at which field."""

from __future__ import annotations

from typing import Any

import pytest

from apps.accounts.models import Tenant
from apps.compute.models import Vm
from apps.compute.services.delete import delete_vm
from apps.compute.services.disk_attachment import attach_disk
from apps.compute.services.repair import force_clean_vm
from apps.drivers.errors import DriverError
from apps.drivers.memory import World
from apps.infrastructure.models import StorageCluster
from apps.lifecycle.actor import SYSTEM, Actor
from apps.lifecycle.errors import InUse, Invalid, QuotaExceeded, Refused
from apps.lifecycle.models import Operation, OperationStatus, State
from apps.quotas.models import Quota
from apps.quotas.recount import recount
from apps.reconciliation.models import Finding
from apps.storage.models import Disk
from apps.storage.services.create import clone_disk
from apps.storage.services.disk import delete_disk, retry_disk
from apps.storage.services.repair import force_clean_disk
from apps.storage.tasks import finish_copies
from tests import factories
from tests.compute.factories import Cloud
from tests.reconciliation.drift import look_twice
from tests.storage.factories import (
    ask_for_disks,
    done,
    failed,
    kept,
    make_disk,
    make_snapshot,
    read,
    run,
    used,
    volumes,
    write,
)

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("EV-1")]


def test_ten_blank_disks_are_created_at_once(owner: Actor, cloud: Cloud, tenant: Tenant) -> None:
    operations = ask_for_disks(owner, cloud, count=10, size_gib=20)
    for operation in operations:
        done(operation)
    disks = list(Disk.objects.order_by("created_at", "pk"))
    assert sorted(disk.name for disk in disks) == sorted(f"data-{number}" for number in range(1, 11))
    assert volumes() == {str(disk.pk): 20 for disk in disks}
    assert {disk.state for disk in disks} == {State.READY}
    assert all(disk.iops > 0 and disk.bytes_per_second > 0 for disk in disks)
    assert (used(disks[0], "disk"), used(disks[0])) == (10, 200)
    cloud.storage.refresh_from_db()
    assert cloud.storage.provisioned_gib == 200
    assert recount(tenant) == []


@pytest.mark.parametrize(
    ("changes", "field", "says"),
    [
        ({"size_gib": 9}, "size_gib", "10 to"),
        ({"size_gib": 32_001}, "size_gib", "32000 GiB"),
        ({"size_gib": None}, "size_gib", "Enter a size."),
        ({"cluster": None}, "cluster", "Choose a storage cluster."),
        ({"cluster": 4_711}, "cluster", "no access"),
        ({"count": 11}, "count", "1 to 10"),
        ({"name": ""}, "name", "Enter a name."),
    ],
)
def test_what_cannot_be_is_refused_at_its_field(
    owner: Actor, cloud: Cloud, changes: dict[str, Any], field: str, says: str
) -> None:
    with pytest.raises(Invalid) as refused:
        ask_for_disks(owner, cloud, **changes)
    assert refused.value.field == field
    assert says in refused.value.message
    assert not Disk.objects.exists()


@pytest.mark.requirement("EV-7", "CL-4")
def test_a_storage_cluster_of_other_tenants_does_not_exist(owner: Actor, cloud: Cloud) -> None:
    StorageCluster.objects.update(open_to_all=False)
    with pytest.raises(Invalid) as refused:
        ask_for_disks(owner, cloud)
    assert refused.value.field == "cluster"


@pytest.mark.requirement("EV-7", "CL-4")
def test_a_copy_in_a_cluster_that_was_taken_away_is_refused_by_its_name(
    owner: Actor, cloud: Cloud, disk: Disk
) -> None:
    StorageCluster.objects.update(open_to_all=False)
    with pytest.raises(Invalid) as refused:
        clone_disk(owner, disk, name="copy")
    assert str(cloud.storage) in refused.value.message


@pytest.mark.requirement("EV-7", "CL-4")
@pytest.mark.parametrize(
    ("columns", "says"),
    [({"open_to_all": False}, "no access"), ({"accepts_disks": False}, "closed to new disks")],
)
def test_a_disk_that_failed_is_not_created_where_its_tenant_gets_no_space_any_more(
    owner: Actor, cloud: Cloud, columns: dict[str, Any], says: str
) -> None:
    cloud.world.fail("volumes.ensure_volume", DriverError("No.", code="tried.refused", permanent=True))
    (operation,) = ask_for_disks(owner, cloud)
    run(operation)
    disk = Disk.objects.get()
    StorageCluster.objects.update(**columns)
    with pytest.raises(Refused, match=says):
        retry_disk(owner, disk)
    StorageCluster.objects.update(open_to_all=True, accepts_disks=True)
    done(retry_disk(owner, disk))


def test_disks_and_snapshots_of_another_tenant_do_not_exist(
    owner: Actor, cloud: Cloud, disk: Disk, tenant_b: Tenant
) -> None:
    snapshot = make_snapshot(owner, disk)
    stranger = factories.actor_for_user(factories.make_owner(tenant_b, "stranger"))
    for changes, field in (({"disk": disk.pk}, "disk"), ({"snapshot": snapshot.pk}, "snapshot")):
        with pytest.raises(Invalid) as refused:
            ask_for_disks(stranger, cloud, cluster=None, **changes)
        assert refused.value.field == field


def test_quota_and_space_are_refused_with_their_figures(owner: Actor, cloud: Cloud, tenant: Tenant) -> None:
    Quota.objects.filter(tenant=tenant, metric="disk_gib").update(limit=15)
    with pytest.raises(QuotaExceeded, match="0 of 15 GiB used, 20 more"):
        ask_for_disks(owner, cloud, count=2)
    Quota.objects.filter(tenant=tenant, metric="disk_gib").update(limit=1_000_000)
    StorageCluster.objects.update(capacity_bytes=5 << 30, overcommit=100)
    with pytest.raises(Refused) as refused:
        ask_for_disks(owner, cloud)
    assert refused.value.code == "storage.no_capacity"
    assert not Disk.objects.exists()
    assert Quota.objects.get(tenant=tenant, metric="disk").used == 0


@pytest.mark.requirement("EV-3")
def test_a_disk_from_a_snapshot_has_its_data_and_at_least_its_size(
    owner: Actor, cloud: Cloud, disk: Disk
) -> None:
    write(disk, "kept")
    snapshot = make_snapshot(owner, disk)
    write(disk, "later")
    copy = make_disk(owner, cloud, cluster=None, size_gib=None, snapshot=snapshot.pk)
    assert (read(copy), copy.size_gib, copy.is_copying) == ("kept", 10, False)
    assert (copy.copied_from, copy.from_snapshot) == (disk, snapshot)
    assert read(make_disk(owner, cloud, cluster=None, size_gib=30, snapshot=snapshot.pk)) == "kept"
    with pytest.raises(Invalid, match="10 to"):
        ask_for_disks(owner, cloud, size_gib=9, cluster=None, snapshot=snapshot.pk)


@pytest.mark.requirement("EV-3")
def test_a_clone_has_what_its_source_holds_now_and_leaves_nothing_there(
    owner: Actor, cloud: Cloud, disk: Disk
) -> None:
    write(disk, "now")
    operation = done(clone_disk(owner, disk, name="copy", size_gib=12))
    copy = Disk.objects.get(pk=operation.target_id)
    assert (operation.verb, copy.name, copy.size_gib, read(copy)) == ("disk.create", "copy", 12, "now")
    assert (kept(), copy.copy_point) == ({}, None)
    write(copy, "other")
    assert read(disk) == "now"


@pytest.mark.requirement("EV-3", "OP-4")
def test_a_clone_can_be_used_while_it_is_still_copied_with_true_progress(
    owner: Actor, cloud: Cloud, world: World, disk: Disk
) -> None:
    world.copy_steps = 3
    write(disk, "now")
    copy = Disk.objects.get(pk=done(clone_disk(owner, disk, name="copy")).target_id)
    assert (copy.state, copy.is_copying) == (State.READY, True)
    rest = Operation.objects.get(verb="disk.finish_copy")
    assert (rest.target_id, rest.exclusive) == (copy.pk, False)
    with pytest.raises(InUse, match="copy"):
        delete_disk(owner, disk, with_snapshots=True)
    done(rest)
    copy.refresh_from_db()
    assert (copy.is_copying, kept()) == (False, {})
    done(delete_disk(owner, disk))
    assert read(copy) == "now"


@pytest.mark.requirement("EV-3")
def test_a_copy_that_nobody_follows_any_more_is_followed_again(
    owner: Actor, cloud: Cloud, world: World, disk: Disk
) -> None:
    world.copy_steps = 1
    copy = Disk.objects.get(pk=done(clone_disk(owner, disk, name="copy")).target_id)
    Operation.objects.filter(verb="disk.finish_copy").update(status=OperationStatus.FAILED)
    finish_copies()
    finish_copies()
    done(Operation.objects.open().get(verb="disk.finish_copy"))
    copy.refresh_from_db()
    assert not copy.is_copying


@pytest.mark.requirement("EV-3", "VM-10", "OP-3")
@pytest.mark.parametrize("way", ["delete", "force clean", "with its VM", "force clean its VM"])
def test_what_a_copy_was_made_from_goes_with_the_copy(
    owner: Actor, cloud: Cloud, world: World, disk: Disk, vm: Vm, way: str
) -> None:
    world.copy_steps = 9
    copy = Disk.objects.get(pk=done(clone_disk(owner, disk, name="copy")).target_id)
    if way in ("with its VM", "force clean its VM"):
        done(attach_disk(owner, copy, vm=vm.pk))
    deletion = delete_vm(owner, vm, delete_disks=[copy.pk]) if "VM" in way else None
    if way == "force clean its VM":
        done(force_clean_vm(SYSTEM, vm))
    elif deletion is not None:
        done(deletion)
    else:
        done(delete_disk(owner, copy) if way == "delete" else force_clean_disk(SYSTEM, copy))
    assert (kept(), list(volumes())[:1]) == ({}, [str(disk.pk)])
    assert not Disk.objects.filter(pk=copy.pk).exists()


@pytest.mark.requirement("EV-3", "OP-3")
def test_what_a_copy_is_made_from_is_no_orphan(owner: Actor, cloud: Cloud, world: World, disk: Disk) -> None:
    world.copy_steps = 2
    done(clone_disk(owner, disk, name="copy"))
    assert len(kept()) == 1
    look_twice()
    assert not Finding.objects.exists()


def test_a_copy_that_failed_is_deleted_without_a_trace(
    owner: Actor, cloud: Cloud, world: World, disk: Disk, tenant: Tenant
) -> None:
    refusal = DriverError("No.", code="tried.refused", permanent=True)
    world.fail("volumes.ensure_volume", refusal)
    operation = clone_disk(owner, disk, name="copy")
    assert failed(operation)["code"] == "tried.refused"
    copy = Disk.objects.get(pk=operation.target_id)
    assert (copy.state, len(kept())) == (State.ERROR, 1)
    done(delete_disk(owner, copy))
    assert (kept(), list(volumes())) == ({}, [str(disk.pk)])
    assert recount(tenant) == []


@pytest.mark.requirement("EV-5")
def test_a_disk_with_snapshots_is_deleted_only_with_them(
    owner: Actor, cloud: Cloud, disk: Disk, tenant: Tenant
) -> None:
    make_snapshot(owner, disk, "monday")
    with pytest.raises(InUse, match="monday") as refused:
        delete_disk(owner, disk)
    assert "snapshots" in refused.value.hint
    done(delete_disk(owner, disk, with_snapshots=True))
    assert not Disk.objects.exists()
    assert (volumes(), kept(), recount(tenant)) == ({}, {}, [])
    cloud.storage.refresh_from_db()
    assert cloud.storage.provisioned_gib == 0


def test_a_disk_that_was_deleted_while_it_was_being_created_leaves_nothing(
    owner: Actor, cloud: Cloud, tenant: Tenant
) -> None:
    (creating,) = ask_for_disks(owner, cloud)
    removal = delete_disk(owner, Disk.objects.get())
    run(creating)
    done(removal)
    assert (volumes(), list(Disk.objects.all()), recount(tenant)) == ({}, [], [])
    assert Operation.objects.get(pk=creating.pk).status == OperationStatus.CANCELLED
