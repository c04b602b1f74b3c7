"""Disks that a VM has, or has not, otherwise than the rows say: found in its host's reports."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.compute.models import Power, Vm
from apps.compute.services.power import power_off_vm
from apps.compute.specs import vm_spec
from apps.drivers.memory.records import MemoryVm, vms_of
from apps.drivers.specs import DiskAttachment
from apps.infrastructure.reports import collect
from apps.lifecycle.actor import Actor
from apps.lifecycle.models import Operation
from apps.lifecycle.stored_messages import rendered_message
from apps.reconciliation import tasks
from apps.reconciliation.models import Finding, Rule
from apps.reconciliation.services import Action, do
from apps.storage.models import Disk
from apps.storage.specs import disk_attachment
from tests.compute.factories import Cloud
from tests.reconciliation.drift import findings, later, look_twice, repaired, the_finding, work
from tests.reconciliation.planting import hypervisor, other_host, with_parts
from tests.storage.factories import defined_with, done, guest, make_attached, make_disk, running_with

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("OP-3")]


@pytest.fixture
def disk(owner: Actor, cloud: Cloud, vm: Vm) -> Disk:
    """Attached to the running VM, at rest."""
    made = make_attached(owner, cloud, vm, name="data")
    later()
    return made


def alter(
    cloud: Cloud, vm: Vm, how: Callable[[tuple[DiskAttachment, ...]], tuple[DiskAttachment, ...]]
) -> None:
    """Change the disks of a VM on its host, in its definition and in the guest that runs, by another hand."""
    assert vm.host is not None
    with cloud.world.records() as state:
        there: MemoryVm | None = state.get(vms_of(vm.host.name), str(vm.pk))
        assert there is not None
        spec = replace(there.spec, disks=how(there.spec.disks))
        state.put(vms_of(vm.host.name), str(vm.pk), replace(there, spec=spec, live=how(there.live)))


def remove(disk: Disk) -> Callable[[tuple[DiskAttachment, ...]], tuple[DiskAttachment, ...]]:
    return lambda disks: tuple(each for each in disks if each.volume.id != str(disk.pk))


def changed(disk: Disk, **values: Any) -> Callable[[tuple[DiskAttachment, ...]], tuple[DiskAttachment, ...]]:
    return lambda disks: tuple(
        replace(each, **values) if each.volume.id == str(disk.pk) else each for each in disks
    )


def says(finding: Finding) -> str:
    return rendered_message(finding.kept)


@pytest.mark.parametrize("is_on", [True, False], ids=["running", "stopped"])
def test_a_disk_that_the_vm_lacks_is_attached_again(
    cloud: Cloud, vm: Vm, disk: Disk, owner: Actor, is_on: bool
) -> None:
    if not is_on:
        done(power_off_vm(owner, vm))
    alter(cloud, vm, remove(disk))
    assert str(disk.pk) not in running_with(vm) + defined_with(vm)
    look_twice()
    finding = the_finding()
    assert (finding.rule, finding.aspect, finding.kind) == (Rule.UNSYNCED, "detached", "disk")
    assert (finding.target_id, finding.resource_id, finding.tenant_id) == (disk.pk, vm.pk, vm.tenant_id)
    assert vm.host is not None
    assert says(finding) == f"Attached to VM web in the database, but not on host {vm.host.name}."
    assert work() == ["vm.resync"]
    assert str(disk.pk) in (running_with(vm) if is_on else defined_with(vm))
    assert repaired() == [(Rule.UNSYNCED, "detached", "disk")]
    look_twice()
    assert findings() == []


def test_wrong_limits_are_set_again(cloud: Cloud, vm: Vm, disk: Disk) -> None:
    alter(cloud, vm, changed(disk, iops=7, bytes_per_second=3 << 20))
    look_twice()
    assert (the_finding().aspect, the_finding().target_id) == ("limits", disk.pk)
    assert "are 7 IOPS, 3 MiB/s, expected" in says(the_finding())
    assert work() == ["vm.resync"]
    (now,) = (each for each in guest(vm).live if each.volume.id == str(disk.pk))
    assert (now.iops, now.bytes_per_second) == (disk.iops, disk.bytes_per_second)
    look_twice()
    assert findings() == []


def test_a_guest_that_does_not_see_the_size_of_its_disk_is_shown_it(cloud: Cloud, vm: Vm, disk: Disk) -> None:
    alter(cloud, vm, lambda disks: changed(disk, volume=replace(disks[-1].volume, size_gib=4))(disks))
    look_twice()
    assert (the_finding().aspect, the_finding().target_id) == ("guest_size", disk.pk)
    assert says(the_finding()) == "The size in VM web is 4 GiB, expected 10 GiB."
    assert work() == ["vm.resync"]
    look_twice()
    assert findings() == []


def test_a_disk_that_no_row_attaches_is_for_the_administrator_and_a_resync_detaches_it(
    cloud: Cloud, vm: Vm, owner: Actor, admin: Actor
) -> None:
    stray = make_disk(owner, cloud, name="stray")
    later()
    stray.slot = 3
    alter(cloud, vm, lambda disks: (*disks, disk_attachment(stray)))
    look_twice()
    finding = the_finding()
    assert (finding.rule, finding.aspect, finding.target_id) == (Rule.UNSYNCED, "attached", stray.pk)
    assert vm.host is not None
    assert says(finding) == f"Attached to VM web on host {vm.host.name}, but not in the database."
    assert work() == [], "Its guest may be using it."
    do(admin, finding, Action.RESYNC)
    assert work() == ["vm.resync"]
    assert str(stray.pk) not in running_with(vm) + defined_with(vm)
    look_twice()
    assert findings() == []


def test_nothing_else_is_repaired_while_a_vm_has_a_disk_that_no_row_attaches(
    cloud: Cloud, vm: Vm, disk: Disk, owner: Actor
) -> None:
    """The resync would detach it beside what it repairs."""
    stray = make_disk(owner, cloud, name="stray")
    later()
    stray.slot = 3
    alter(cloud, vm, lambda disks: (*changed(disk, iops=7)(disks), disk_attachment(stray)))
    look_twice()
    assert {each.aspect for each in findings()} == {"attached", "limits"}
    assert work() == []


def test_a_disk_with_an_operation_or_a_recent_change_is_left_alone(
    cloud: Cloud, vm: Vm, disk: Disk, owner: Actor
) -> None:
    alter(cloud, vm, remove(disk))
    for _ in range(3):
        later()
        Disk.objects.filter(pk=disk.pk).update(updated_at=Operation.objects.latest("created_at").created_at)
        Vm.objects.filter(pk=vm.pk).update(updated_at=Operation.objects.latest("created_at").created_at)
        collect()
        tasks.look()
    assert not Finding.objects.exists()


def test_a_host_can_say_nothing_of_another_hosts_vms(cloud: Cloud, vm: Vm, disk: Disk) -> None:
    there = vm_spec(with_parts(vm))
    other_host(cloud, vm).ensure_vm(replace(there, disks=()))
    look_twice()
    assert {each.kind for each in findings()} == {"vm"}, (
        "It is defined twice; its disks are as they should be."
    )


def test_a_report_that_names_no_disks_says_nothing_of_them(
    cloud: Cloud, vm: Vm, disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As those of agents of an older version."""
    monkeypatch.setattr("apps.drivers.memory.disks.reported", lambda vm: None)
    alter(cloud, vm, remove(disk))
    look_twice()
    assert findings() == []


def test_the_disks_of_all_reports_cost_one_statement(cloud: Cloud, vm: Vm, disk: Disk, owner: Actor) -> None:
    def statements() -> int:
        later()
        with CaptureQueriesContext(connection) as seen:
            collect()
        return len(seen)

    statements()
    few = statements()
    for _ in range(3):
        make_attached(owner, cloud, vm)
    assert statements() == few
    assert hypervisor(cloud, vm).status(str(vm.pk)).disks is None
    assert Vm.objects.get(pk=vm.pk).power == Power.ON
