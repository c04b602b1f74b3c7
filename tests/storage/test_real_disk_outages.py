"""Guests that write to disks while OSDs, monitors, the whole of Ceph and the hosts under them fail."""

from __future__ import annotations

import json
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from onebox import ceph_cluster
from onebox.shell import wait_until

from apps.infrastructure.models import StorageCluster
from apps.infrastructure.pool_health import health_of
from apps.lifecycle.models import Operation, OperationStatus
from apps.storage.models import Disk
from tests.storage.real_lab import BACKENDS, CEPH, FILES, DiskLab, lab

__all__ = ["lab"]

pytestmark = [pytest.mark.real, pytest.mark.timeout(500), pytest.mark.requirement("CL-2")]

#: Of Ceph knowing; the platform looks every three seconds.
SHOWN_WITHIN = 5
#: What creating and deleting a disk in files may take on a busy machine; Ceph is waited for longer.
AT_ONCE_SECONDS = 10
UNREACHABLE = "volumes.ceph_unreachable"


@pytest.fixture(scope="module")
def disks(lab: DiskLab) -> dict[str, dict[Disk, str]]:
    """By VM, a disk in files and one in Ceph, with the places where its guest writes records to them."""
    made = {
        vm: {lab.create_disk(backend): f"/mnt/{backend}" for backend in BACKENDS} for vm in lab.vms.values()
    }
    for vm, places in made.items():
        lab.written_at(vm, places)
    return made


def shown(lab: DiskLab) -> tuple[int, set[str]]:
    """Return how many OSDs are up, and the health checks, as the cluster's row has them."""
    health = health_of(StorageCluster.objects.get(pk=lab.clusters[CEPH].pk))
    assert health is not None
    return health.osds_up, {check.code for check in health.checks}


def test_an_osd_that_is_killed_gives_guests_no_error_and_shows_within_seconds(
    lab: DiskLab, disks: dict[str, dict[Disk, str]]
) -> None:
    lab.ceph.signal("osd.2", "KILL")
    try:
        wait_until(
            lambda: "OSD_DOWN" in lab.ceph.ceph("health")["checks"], "Ceph to know", seconds=60, every=0.1
        )
        known = time.monotonic()
        wait_until(lambda: shown(lab)[0] == 2, "the row to say so", seconds=30, every=0.1)
        assert time.monotonic() - known < SHOWN_WITHIN
        assert "OSD_DOWN" in shown(lab)[1]
        for vm in disks:
            lab.wait_writing(vm, 20)
            assert "I/O error" not in lab.guest(vm).output("dmesg")
    finally:
        ceph_cluster.start_osd(lab.ceph, 2)
        ceph_cluster.wait_clean(lab.ceph)
    wait_until(lambda: shown(lab) == (3, set()), "the row to be well", seconds=30, every=0.2)


@pytest.mark.requirement("OP-4")
def test_monitors_that_hang_are_shown_and_neither_files_nor_guests_wait_for_them(
    lab: DiskLab, disks: dict[str, dict[Disk, str]]
) -> None:
    rows = StorageCluster.objects.filter(pk=lab.clusters[CEPH].pk)
    with lab.ceph.hanging("mon.a"):
        wait_until(lambda: rows.get().check_error, "the cluster's row to say so", seconds=30, every=0.2)
        assert rows.get().check_error["code"] == UNREACHABLE
        ensure_files_go_on(lab)
        for vm in disks:
            lab.wait_writing(vm, seconds=20)
    wait_until(lambda: not rows.get().check_error, "the row to be well", seconds=30, every=0.2)


@pytest.mark.requirement("OP-4")
def test_a_ceph_that_hangs_keeps_what_needs_it_waiting_with_the_reason_and_nothing_else(
    lab: DiskLab, disks: dict[str, dict[Disk, str]]
) -> None:
    with lab.ceph.hanging("mon.a", "osd.0", "osd.1", "osd.2"):
        body = {"name": "waits", "size_gib": 10, "cluster": str(lab.clusters[CEPH].pk)}
        waiting = lab.ask("POST", "/disks", **body)
        rows = Operation.objects.filter(pk=waiting["operations"][0]["id"])
        ensure_files_go_on(lab)
        wait_until(
            lambda: "does not answer" in json.dumps([*rows.get().steps[-1:], rows.get().error]),
            f"the reason to show: {rows.get().steps} {rows.get().error}",
            seconds=30,
            every=0.2,
        )
        assert rows.open().exists()
    (ended,) = lab.ended(waiting)
    assert ended.status == OperationStatus.DONE, ended.error
    ceph_cluster.wait_clean(lab.ceph)
    for vm in disks:
        lab.wait_writing(vm)
        assert "I/O error" not in lab.guest(vm).output("dmesg")


def ensure_files_go_on(lab: DiskLab) -> None:
    """Create and delete disks in files, which wait for nothing."""
    for _ in range(3):
        began = time.monotonic()
        made = lab.create_disk(FILES)
        lab.change("DELETE", f"/disks/{made.pk}")
        assert time.monotonic() - began < AT_ONCE_SECONDS


@pytest.mark.requirement("OP-2")
def test_all_guests_run_again_by_themselves_after_a_power_cut_of_ceph_and_of_both_hosts(
    lab: DiskLab, disks: dict[str, dict[Disk, str]]
) -> None:
    acknowledged = {vm: lab.acknowledged(vm) for vm in disks}
    hosts = lab.site.box.hosts
    lab.ceph.power_cut()
    for host in hosts:
        host.power_cut()
    with ThreadPoolExecutor() as threads:
        back = [threads.submit(lab.site.box.switch_on, host) for host in hosts]
        back.append(threads.submit(ceph_cluster.start, lab.ceph))
        for each in back:
            each.result()
    for vm, places in disks.items():
        lab.guest(vm).wait_booted()
        for disk, at in places.items():
            assert lab.records(disk, vm, at) >= acknowledged[vm]
            lab.guest(vm).output(f"dd if=/dev/zero of={disk.guest_path} bs=4k count=1 oflag=direct")
    wait_until(lambda: stale_locks(lab) == {}, "locks of the dead to be gone", seconds=60, every=0.5)


def stale_locks(lab: DiskLab) -> dict[str, set[str]]:
    """Return, by image of RBD, the addresses that hold its lock without watching it: nobody is there."""
    found = {}
    for image in lab.ceph.rbd("ls", lab.pool.spec.path).split():
        name = f"{lab.pool.spec.path}/{image}"
        locks, status = (
            json.loads(lab.ceph.rbd(*words, name, "--format", "json"))
            for words in (("lock", "ls"), ("status",))
        )
        holders = {lock["address"] for lock in locks} - {each["address"] for each in status["watchers"]}
        if holders:
            found[image] = holders
    return found
