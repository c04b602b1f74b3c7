"""Disks from request to guest: on real hosts, in files and in Ceph, with a guest that checks its own data.

The two guests serve all tests; the last one deletes one of them.
"""

from __future__ import annotations

import pytest

from apps.compute.models import Vm
from apps.lifecycle.models import State
from apps.storage.models import Consistency, Disk
from tests.storage.real_guests import MOUNT
from tests.storage.real_lab import BACKENDS, CEPH, FILES, DiskLab, lab

__all__ = ["lab"]

pytestmark = [
    pytest.mark.real,
    pytest.mark.timeout(400),
    pytest.mark.requirement("EV-1"),
    pytest.mark.requirement("EV-2"),
    pytest.mark.requirement("CL-2"),
    pytest.mark.campaign(
        "guests on real hosts", ("apps/storage/", "apps/drivers/files/", "apps/drivers/rbd/"), share=2
    ),
]
MIB = 1 << 20


@pytest.mark.requirement("EV-3")
@pytest.mark.requirement("EV-4")
@pytest.mark.requirement("EV-5")
@pytest.mark.requirement("EV-6")
@pytest.mark.parametrize("backend", BACKENDS)
def test_a_disk_goes_through_all_verbs_under_a_guest_that_runs(lab: DiskLab, backend: str) -> None:
    vm, other = lab.vms[backend], next(lab.vms[name] for name in BACKENDS if name != backend)
    guest, disk = lab.guest(vm), lab.create_disk(backend)
    lab.attach(disk, vm)
    written = lab.formatted(disk, vm)
    kept = lab.snapshot(disk, "kept")
    assert kept.consistency == Consistency.FILESYSTEM

    guest.output(f"dd if=/dev/zero of={MOUNT}/data bs=1M count=1 conv=notrunc,fsync")
    assert guest.run(f"testdata check {MOUNT}")[0] != 0
    lab.change("POST", f"/disks/{disk.pk}/expand", size_gib=12)
    assert lab.size_gib(disk, vm) == 12
    lab.change("POST", f"/disks/{disk.pk}/set-limits", iops=300, bytes_per_second=20 * MIB)
    assert lab.limits(disk, vm, "--live") == lab.limits(disk, vm, "--config") == (300, 20 * MIB)

    refused = lab.failure("POST", f"/disks/{disk.pk}/detach")
    assert (refused["code"], refused["values"]) == ("disk.mounted", {"mounts": MOUNT})
    guest.output(f"touch {MOUNT}/still-there && sync && umount {MOUNT}")
    lab.detach(disk)
    assert guest.run(f"test -e {disk.guest_path}")[0] != 0

    lab.change("POST", f"/disks/{disk.pk}/roll-back", snapshot=str(kept.pk))
    lab.attach(disk, vm)
    assert lab.mounted_checksum(disk, vm) == written
    assert lab.size_gib(disk, vm) == Disk.objects.get(pk=disk.pk).size_gib == 12
    guest.output(f"dd if=/dev/zero of={disk.guest_path} bs=1M seek={12 * 1024 - 1} count=1 oflag=direct")

    copy = lab.clone(disk, "copy")
    lab.attach(copy, other)
    assert lab.mounted_checksum(copy, other) == written
    lab.wait_independent(copy)
    for each in (disk, copy):
        lab.detach(each)
        lab.change("DELETE", f"/disks/{each.pk}", with_snapshots=True)
    assert not Disk.objects.filter(pk__in=[disk.pk, copy.pk]).exists()


@pytest.mark.requirement("EV-3")
@pytest.mark.requirement("EV-5")
@pytest.mark.parametrize("backend", BACKENDS)
def test_what_was_done_to_disks_of_a_stopped_vm_is_so_when_it_starts(lab: DiskLab, backend: str) -> None:
    vm, disk = lab.vms[backend], lab.create_disk(backend)
    lab.attach(disk, vm)
    first = lab.formatted(disk, vm)
    before = lab.snapshot(disk, "first")
    lab.guest(vm).output(f"testdata fill {MOUNT} 4 && umount {MOUNT}")
    lab.power_off(vm)

    now = lab.snapshot(disk, "second")
    assert now.consistency == Consistency.OFFLINE
    lab.detach(disk)
    copy = lab.clone(disk, "second")
    for each in (disk, copy):
        lab.change("POST", f"/disks/{each.pk}/attach", vm=vm)
    lab.change("POST", f"/disks/{disk.pk}/roll-back", snapshot=str(before.pk))
    lab.change("POST", f"/disks/{disk.pk}/expand", size_gib=11)
    lab.change("POST", f"/disks/{copy.pk}/set-limits", iops=400)

    lab.start(vm)
    assert lab.mounted_checksum(disk, vm) == first
    assert lab.mounted_checksum(copy, vm) != first
    assert (lab.size_gib(disk, vm), lab.size_gib(copy, vm)) == (11, 10)
    assert lab.limits(copy, vm, "--live")[0] == 400
    assert lab.limits(disk, vm, "--live")[0] > 400, "its neighbour's limit is not its own"
    for each in (disk, copy):
        lab.detach(each)
        assert lab.guest(vm).run(f"test -e {each.guest_path}")[0] != 0


@pytest.mark.requirement("VM-11")
def test_all_disks_of_a_guest_that_writes_are_kept_at_one_instant(lab: DiskLab) -> None:
    """Each record is written to the disk in files, then to the one in Ceph: so the one has as many, or one more."""
    vm = lab.vms[CEPH]
    places = {lab.create_disk(FILES): "/mnt/first", lab.create_disk(CEPH): "/mnt/then"}
    lab.written_at(vm, places)
    lab.change("POST", f"/vms/{vm}/snapshot-disks", name="instant")
    lab.stop_writing(vm, *places.values())
    kept = {row.disk_id: row for disk in Disk.objects.filter(vm__pk=vm) for row in disk.snapshots.all()}
    assert len(kept) == 3
    assert {row.consistency for row in kept.values()} == {Consistency.FILESYSTEM}
    assert len({row.group for row in kept.values()}) == 1
    found = []
    for disk, at in places.items():
        lab.detach(disk)
        lab.change("POST", f"/disks/{disk.pk}/roll-back", snapshot=str(kept[disk.pk].pk))
        lab.attach(disk, vm)
        lab.guest(vm).output(f"e2fsck -fn {disk.guest_path}")
        found.append(lab.records(disk, vm, at))
        lab.detach(disk)
    assert found[1] > 0
    assert 0 <= found[0] - found[1] <= 1


@pytest.mark.requirement("VM-10")
@pytest.mark.requirement("EV-4")
def test_data_disks_outlive_their_vm_with_all_that_was_acknowledged(lab: DiskLab) -> None:
    """The VM is deleted while its guest writes to both disks: for them that is a power failure."""
    vm, other = lab.vms[FILES], lab.vms[CEPH]
    places = {lab.create_disk(backend): f"/mnt/{backend}" for backend in BACKENDS}
    lab.written_at(vm, places)
    acknowledged = lab.acknowledged(vm)
    lab.change("DELETE", f"/vms/{vm}")
    assert not Vm.objects.filter(pk=vm).exists()
    for disk, at in places.items():
        disk.refresh_from_db()
        assert (disk.vm_id, disk.slot, disk.state) == (None, None, State.READY)
        lab.attach(disk, other)
        assert lab.records(disk, other, at) >= acknowledged
