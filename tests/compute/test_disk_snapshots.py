"""Snapshots of disks and of all disks of a VM at one instant; rolling back; what goes with a VM."""

from __future__ import annotations

import pytest
from django.utils import timezone

from apps.accounts.models import Tenant
from apps.compute.models import Vm
from apps.compute.services.delete import delete_vm
from apps.compute.services.power import power_off_vm, start_vm
from apps.compute.services.repair import force_clean_vm
from apps.compute.services.snapshot import snapshot_disks
from apps.drivers.errors import DriverError
from apps.drivers.memory import World
from apps.drivers.memory.snapshots import CONTENTS, SNAPSHOTS
from apps.infrastructure.models import Host
from apps.lifecycle.actor import SYSTEM, Actor
from apps.lifecycle.errors import Busy, InUse, Invalid, NotNow, QuotaExceeded, Refused
from apps.lifecycle.models import Operation, OperationStatus, State
from apps.lifecycle.retry import retry
from apps.lifecycle.verbs import verb_named
from apps.network.models import Subnet
from apps.quotas.models import Quota
from apps.quotas.recount import recount
from apps.reconciliation.models import Rule
from apps.storage.models import Consistency, Disk, Snapshot
from apps.storage.services.create import create_disks
from apps.storage.services.disk import delete_disk, expand_disk
from apps.storage.services.snapshot import (
    create_snapshot,
    delete_snapshot,
    retry_snapshot,
    roll_back_disk,
    snapshot_disk,
)
from tests.compute.factories import Cloud, make_vm
from tests.reconciliation.drift import look_twice, the_finding
from tests.rounds import rounds
from tests.storage.factories import (
    done,
    failed,
    guest,
    kept,
    make_attached,
    make_disk,
    make_snapshot,
    read,
    run,
    set_guest,
    used,
    volumes,
    write,
)

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("EV-5")]


@pytest.fixture
def vm(owner: Actor, cloud: Cloud, subnet: Subnet) -> Vm:
    return make_vm(owner, cloud, subnet)


@pytest.fixture
def disk(owner: Actor, cloud: Cloud, vm: Vm) -> Disk:
    """Attached to a running VM."""
    return make_attached(owner, cloud, vm)


def permanent() -> DriverError:
    return DriverError("No.", code="tried.refused", permanent=True)


def miscounted(tenant: Tenant) -> list[str]:
    return [each.metric for each in recount(tenant) if "disk" in each.metric or each.metric == "snapshot"]


@pytest.mark.parametrize(
    ("has_agent", "consistency"), [(True, Consistency.FILESYSTEM), (False, Consistency.CRASH)]
)
def test_a_snapshot_of_a_running_guest_says_how_consistent_it_is(
    owner: Actor, vm: Vm, disk: Disk, has_agent: bool, consistency: Consistency
) -> None:
    set_guest(vm, guest_agent=has_agent)
    snapshot = make_snapshot(owner, disk)
    assert (snapshot.consistency, snapshot.state) == (consistency, State.READY)
    assert snapshot.taken_at is not None
    assert kept() == {str(snapshot.pk): str(disk.pk)}
    assert guest(vm).held_until == 0
    assert used(disk, "snapshot") == 1


def test_a_snapshot_of_a_disk_that_nobody_uses_says_so(
    owner: Actor, cloud: Cloud, vm: Vm, disk: Disk
) -> None:
    done(power_off_vm(owner, vm))
    assert make_snapshot(owner, disk).consistency == Consistency.OFFLINE
    assert make_snapshot(owner, make_disk(owner, cloud)).consistency == Consistency.OFFLINE


def test_the_guest_goes_on_when_a_snapshot_fails(owner: Actor, vm: Vm, disk: Disk, world: World) -> None:
    world.fail("volumes.ensure_snapshot", permanent())
    operation = snapshot_disk(owner, disk, name="one")
    failed(operation)
    assert guest(vm).held_until == 0
    snapshot = Snapshot.objects.get(pk=operation.target_id)
    assert snapshot.state == State.ERROR
    done(retry_snapshot(owner, snapshot))
    snapshot.refresh_from_db()
    assert (snapshot.state, snapshot.consistency) == (State.READY, Consistency.FILESYSTEM)
    done(delete_snapshot(owner, snapshot))
    assert (kept(), used(disk, "snapshot")) == ({}, 0)


def test_what_may_not_be_is_refused_by_name(
    owner: Actor, disk: Disk, tenant_a: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(Invalid, match="Enter a name"):
        snapshot_disk(owner, disk, name="")
    Quota.objects.filter(tenant=tenant_a, metric="snapshot").update(limit=0)
    with pytest.raises(QuotaExceeded, match="Snapshots"):
        snapshot_disk(owner, disk, name="one")
    Quota.objects.filter(tenant=tenant_a, metric="snapshot").update(limit=9)
    monkeypatch.setattr("apps.storage.services.snapshot.MOST_SNAPSHOTS", 1)
    make_snapshot(owner, disk)
    with pytest.raises(Refused, match="Disk data already has 1 snapshots") as refused:
        create_snapshot(owner, disk=disk.pk, name="two")
    assert refused.value.code == "disk.too_many_snapshots"
    assert miscounted(tenant_a) == []


def test_nothing_else_happens_to_disk_or_vm_while_it_is_taken(owner: Actor, vm: Vm, disk: Disk) -> None:
    operation = snapshot_disk(owner, disk, name="one")
    for ask in (
        lambda: snapshot_disk(owner, disk, name="two"),
        lambda: expand_disk(owner, disk, size_gib=20),
        lambda: snapshot_disks(owner, vm, name="all"),
    ):
        with pytest.raises(Busy):
            ask()
    done(operation)


# -- all disks of a VM -----------------------------------------------------------------------------------------------


@pytest.mark.requirement("VM-11")
@pytest.mark.parametrize(
    ("has_agent", "consistency"), [(True, Consistency.FILESYSTEM), (False, Consistency.CRASH)]
)
def test_all_disks_of_a_vm_are_kept_at_one_instant(
    owner: Actor, vm: Vm, disk: Disk, world: World, has_agent: bool, consistency: Consistency
) -> None:
    set_guest(vm, guest_agent=has_agent)
    held: list[bool] = []
    world.on_call = lambda verb, moment: (
        held.append(guest(vm).held_until > 0)
        if (verb, moment) == ("volumes.ensure_snapshot", "before")
        else None
    )
    operation = done(snapshot_disks(owner, vm, name="nightly"))
    world.on_call = None
    assert held == [True, True]
    assert guest(vm).held_until == 0
    rows = list(Snapshot.objects.order_by("name"))
    assert [row.name for row in rows] == ["nightly-0", "nightly-1"]
    assert len({row.group for row in rows}) == 1 and rows[0].group is not None
    assert {(row.state, row.consistency) for row in rows} == {(State.READY, consistency)}
    assert {row.disk_id for row in rows} == set(vm.disks.values_list("pk", flat=True))
    assert operation.target_id == vm.pk


@pytest.mark.requirement("VM-11", "OP-4")
def test_snapshots_of_two_instants_are_never_called_one(
    owner: Actor, vm: Vm, disk: Disk, world: World
) -> None:
    """The guest goes on between two disks, as after its host's deadline: all of them are taken anew."""
    calls: list[str] = []

    def let_go(verb: str, moment: str) -> None:
        if (verb, moment) == ("volumes.ensure_snapshot", "before"):
            calls.append(verb)
            if len(calls) == 2:
                set_guest(vm, held_until=0.0)
                for each in vm.disks.all():
                    write(each, "later")

    world.on_call = let_go
    operation = snapshot_disks(owner, vm, name="nightly")
    assert run(operation).status == OperationStatus.QUEUED
    assert run(operation).error["code"] == "snapshot.not_one_instant"
    Operation.objects.update(not_before=operation.created_at)
    done(operation)
    world.on_call = None
    with world.records() as state:
        assert {each.content for each in state.all(SNAPSHOTS).values()} == {"later"}
        assert state.get(CONTENTS, str(disk.pk)) == "later"


@pytest.mark.requirement("VM-11", "OP-4")
def test_snapshots_of_a_vm_that_failed_are_in_error_and_are_taken_by_trying_again(
    owner: Actor, vm: Vm, disk: Disk, world: World, tenant_a: Tenant
) -> None:
    world.fail("volumes.ensure_snapshot", permanent())
    operation = snapshot_disks(owner, vm, name="nightly")
    failed(operation)
    assert set(Snapshot.objects.values_list("state", flat=True)) == {State.ERROR}
    operation.refresh_from_db()
    again = retry(owner, verb_named(operation.verb), Vm.objects.get(pk=vm.pk), operation)
    done(again)
    assert list(Snapshot.objects.values_list("state", flat=True)) == [State.READY] * 2
    assert miscounted(tenant_a) == []


# -- roll back -------------------------------------------------------------------------------------------------------


def test_a_roll_back_needs_the_vm_off_or_the_disk_detached(owner: Actor, vm: Vm, disk: Disk) -> None:
    write(disk, "good")
    snapshot = make_snapshot(owner, disk)
    write(disk, "broken")
    with pytest.raises(NotNow, match="Stop the VM or detach the disk first"):
        roll_back_disk(owner, disk, snapshot=snapshot.pk)
    done(power_off_vm(owner, vm))
    done(roll_back_disk(owner, disk, snapshot=snapshot.pk))
    assert read(disk) == "good"
    done(start_vm(owner, vm))


def test_what_is_there_now_is_kept_first_on_request(owner: Actor, cloud: Cloud, tenant_a: Tenant) -> None:
    disk = make_disk(owner, cloud)
    write(disk, "good")
    snapshot = make_snapshot(owner, disk, "monday")
    write(disk, "newer")
    done(roll_back_disk(owner, disk, snapshot=snapshot.pk, snapshot_first=True))
    first = Snapshot.objects.exclude(pk=snapshot.pk).get()
    assert (first.name, first.state) == ("Before roll back to monday", State.READY)
    assert read(disk) == "good"
    done(roll_back_disk(owner, disk, snapshot=first.pk))
    assert read(disk) == "newer"
    assert miscounted(tenant_a) == []


def test_a_roll_back_that_fails_after_the_first_snapshot_never_overwrites_it(
    owner: Actor, cloud: Cloud, world: World
) -> None:
    disk = make_disk(owner, cloud)
    write(disk, "good")
    snapshot = make_snapshot(owner, disk)
    write(disk, "newer")
    world.fail("volumes.ensure_volume", permanent())
    operation = roll_back_disk(owner, disk, snapshot=snapshot.pk, snapshot_first=True)
    failed(operation)
    first = Snapshot.objects.exclude(pk=snapshot.pk).get()
    assert (first.state, read(disk)) == (State.READY, "good")
    operation.refresh_from_db()
    done(retry(owner, verb_named(operation.verb), Disk.objects.get(pk=disk.pk), operation))
    assert Snapshot.objects.count() == 2
    done(roll_back_disk(owner, disk, snapshot=first.pk))
    assert read(disk) == "newer"


def test_a_roll_back_that_fails_before_leaves_its_snapshot_in_error(
    owner: Actor, cloud: Cloud, world: World
) -> None:
    disk = make_disk(owner, cloud)
    snapshot = make_snapshot(owner, disk)
    world.fail("volumes.ensure_snapshot", permanent())
    failed(roll_back_disk(owner, disk, snapshot=snapshot.pk, snapshot_first=True))
    assert Snapshot.objects.exclude(pk=snapshot.pk).get().state == State.ERROR


@pytest.mark.requirement("EV-4")
def test_rolling_back_to_before_an_expand_keeps_the_larger_size_everywhere(
    owner: Actor, cloud: Cloud, tenant_a: Tenant
) -> None:
    disk = make_disk(owner, cloud)
    snapshot = make_snapshot(owner, disk)
    done(expand_disk(owner, disk, size_gib=30))
    done(roll_back_disk(owner, disk, snapshot=snapshot.pk))
    disk.refresh_from_db()
    assert (disk.size_gib, volumes()[str(disk.pk)], snapshot.size_gib) == (30, 30, 10)
    assert (used(disk), miscounted(tenant_a)) == (30, [])


def test_a_snapshot_of_another_disk_is_refused(owner: Actor, cloud: Cloud) -> None:
    disk, other = make_disk(owner, cloud), make_disk(owner, cloud)
    snapshot = make_snapshot(owner, other)
    with pytest.raises(Invalid) as refused:
        roll_back_disk(owner, disk, snapshot=snapshot.pk)
    assert refused.value.field == "snapshot"


def test_a_snapshot_that_is_rolled_back_to_is_not_deleted_meanwhile(owner: Actor, cloud: Cloud) -> None:
    disk = make_disk(owner, cloud)
    snapshot = make_snapshot(owner, disk)
    operation = roll_back_disk(owner, disk, snapshot=snapshot.pk)
    with pytest.raises(Busy, match="Rolling back"):
        delete_snapshot(owner, snapshot)
    done(operation)
    done(delete_snapshot(owner, snapshot))


@pytest.mark.requirement("EV-3")
def test_a_snapshot_that_a_disk_still_reads_from_is_not_deleted(
    owner: Actor, cloud: Cloud, world: World
) -> None:
    world.copy_steps = 1
    disk = make_disk(owner, cloud)
    snapshot = make_snapshot(owner, disk)
    (operation,) = create_disks(owner, name="copy", snapshot=snapshot.pk)
    done(operation)
    with pytest.raises(InUse, match="copy"):
        delete_snapshot(owner, snapshot)
    done(Operation.objects.get(verb="disk.finish_copy"))
    done(delete_snapshot(owner, snapshot))


@pytest.mark.requirement("EV-3")
def test_rounds_of_snapshot_clone_and_delete_leave_nothing(owner: Actor, cloud: Cloud) -> None:
    """Each leaves the pool as it found it, so five hundred do."""
    disk = make_disk(owner, cloud)
    for _ in rounds(3):
        Host.objects.update(
            last_report_at=timezone.now()
        )  # hundreds of rounds last longer than a host may be silent
        snapshot = make_snapshot(owner, disk)
        (operation,) = create_disks(owner, name="copy", snapshot=snapshot.pk)
        copy = Disk.objects.get(pk=done(operation).target_id)
        done(delete_snapshot(owner, snapshot))
        done(delete_disk(owner, copy))
        assert (kept(), list(volumes())) == ({}, [str(disk.pk)])


# -- with the VM (VM-10) ---------------------------------------------------------------------------------------------


@pytest.mark.requirement("VM-10")
def test_named_data_disks_are_deleted_with_the_vm_and_the_others_are_kept(
    owner: Actor, cloud: Cloud, vm: Vm, disk: Disk, tenant_a: Tenant
) -> None:
    other = make_attached(owner, cloud, vm)
    operation = delete_vm(owner, vm, delete_disks=[disk.pk])
    assert operation.args["delete_disks"] == [str(disk.pk)]
    done(operation)
    assert list(Disk.objects.values_list("pk", "vm", "slot")) == [(other.pk, None, None)]
    assert list(volumes()) == [str(other.pk)]
    assert miscounted(tenant_a) == []
    cloud.storage.refresh_from_db()
    assert cloud.storage.provisioned_gib == 10


@pytest.mark.requirement("VM-10")
def test_a_deletion_of_vm_and_disks_that_stops_half_way_is_finished_by_its_next_attempt(
    owner: Actor, cloud: Cloud, vm: Vm, disk: Disk, world: World
) -> None:
    world.fail("volumes.ensure_volume_absent", DriverError("Lost.", code="host.unreachable"), times=1)
    operation = delete_vm(owner, vm, delete_disks=[disk.pk])
    run(operation)
    assert Disk.objects.count() == 2
    Operation.objects.update(not_before=operation.created_at)
    done(operation)
    assert (volumes(), Disk.objects.count(), Vm.objects.count()) == ({}, 0, 0)


@pytest.mark.requirement("VM-10", "OP-3")
def test_a_force_clean_that_pushes_a_deletion_aside_leaves_no_disk_without_its_volume(
    owner: Actor, cloud: Cloud, vm: Vm, disk: Disk, world: World, tenant_a: Tenant
) -> None:
    def stop(verb: str, moment: str) -> None:
        if (verb, moment) == ("volumes.ensure_volume_absent", "after") and str(disk.pk) not in volumes():
            raise DriverError("Lost.", code="host.unreachable")

    world.on_call = stop
    deletion = delete_vm(owner, vm, delete_disks=[disk.pk])
    run(deletion)
    world.on_call = None
    assert (volumes(), Disk.objects.filter(pk=disk.pk).exists()) == ({}, True)
    done(force_clean_vm(SYSTEM, vm))
    assert (Disk.objects.count(), miscounted(tenant_a)) == (0, [])


@pytest.mark.requirement("VM-10")
def test_only_the_vms_own_data_disks_can_be_named(owner: Actor, cloud: Cloud, vm: Vm) -> None:
    stranger, system = make_disk(owner, cloud), vm.disks.get()
    for named in (stranger, system):
        with pytest.raises(Invalid) as refused:
            delete_vm(owner, vm, delete_disks=[named.pk])
        assert refused.value.field == "delete_disks"


@pytest.mark.requirement("VM-10")
def test_snapshots_of_what_goes_are_named_or_go_on_request(
    owner: Actor, vm: Vm, disk: Disk, tenant_a: Tenant
) -> None:
    done(snapshot_disks(owner, vm, name="nightly"))
    with pytest.raises(InUse, match="nightly-0"):
        delete_vm(owner, vm)
    done(delete_vm(owner, vm, with_snapshots=True))
    disk.refresh_from_db()
    assert (disk.vm, list(kept().values())) == (None, [str(disk.pk)])
    assert miscounted(tenant_a) == []


# -- reconciliation (OP-3) -------------------------------------------------------------------------------------------


@pytest.mark.requirement("OP-3")
def test_a_lost_snapshot_and_one_without_a_row_are_findings(owner: Actor, cloud: Cloud, world: World) -> None:
    disk = make_disk(owner, cloud)
    snapshot = make_snapshot(owner, disk)
    with world.records() as state:
        state.delete(SNAPSHOTS, str(snapshot.pk))
    look_twice()
    finding = the_finding()
    assert (finding.rule, finding.kind, finding.resource_id) == (Rule.STALE, "snapshot", snapshot.pk)


@pytest.mark.requirement("OP-3")
def test_a_snapshot_whose_vm_is_force_cleaned_while_it_is_deleted_is_counted_once(
    owner: Actor, cloud: Cloud, vm: Vm, world: World, tenant_a: Tenant
) -> None:
    gone = make_snapshot(owner, vm.disks.get(role="system"))
    make_snapshot(owner, make_disk(owner, cloud))
    deleting, cleaning = delete_snapshot(owner, gone), force_clean_vm(SYSTEM, vm)
    run(deleting)
    done(cleaning)
    assert (Snapshot.objects.count(), miscounted(tenant_a)) == (1, [])
