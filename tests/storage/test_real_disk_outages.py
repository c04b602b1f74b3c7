"""Guests that write to disks while OSDs, monitors, the whole of Ceph and the hosts under them fail."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from onebox import ceph_cluster
from onebox.shell import wait_until

from apps.drivers.rbd.fencing import host_of
from apps.infrastructure.models import StorageCluster
from apps.lifecycle.models import OperationStatus
from apps.storage.models import Disk
from tests.storage.open_page import OpenPage, has_osds, open_page
from tests.storage.real_lab import BACKENDS, CEPH, DiskLab, lab
from tests.storage.waiting import ensure_files_go_on, ensure_waits_with_the_reason

__all__ = ["lab"]

pytestmark = [pytest.mark.real, pytest.mark.timeout(500), pytest.mark.requirement("CL-2")]

#: Of Ceph knowing; the platform looks every three seconds.
SHOWN_WITHIN = 5
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


@pytest.fixture(scope="module")
def page(lab: DiskLab) -> Iterator[OpenPage]:
    """The Ceph cluster's page, open from here on."""
    with open_page(lab.site.platform, lab.clusters[CEPH]) as opened:
        yield opened


def test_an_osd_that_is_killed_gives_guests_no_error_and_the_page_shows_it_and_the_rebuild_within_seconds(
    lab: DiskLab, disks: dict[str, dict[Disk, str]], page: OpenPage
) -> None:
    changed = lab.create_disk(CEPH, name="changed meanwhile")
    lab.ceph.signal("osd.2", "KILL")
    try:
        checks = ("OSD_DOWN",)
        wait_until(lambda: lab.has_checks(*checks), "Ceph to know", seconds=60, every=0.1)
        page.wait_shown(has_osds(2, *checks), time.monotonic(), SHOWN_WITHIN)
        wait_until(lambda: lab.has_checks("PG_DEGRADED"), "Ceph to miss copies", seconds=60, every=0.1)
        page.wait_shown(lambda look: look.rebuild is not None, time.monotonic(), SHOWN_WITHIN)
        lab.scatter(changed)
        for vm in disks:
            lab.wait_writing(vm, 20)
            assert "I/O error" not in lab.guest(vm).output("dmesg")
    finally:
        with lab.slow_rebuild():
            began = time.monotonic()
            ceph_cluster.start_osd(lab.ceph, 2)
            ceph_cluster.wait_clean(lab.ceph)
    page.wait_shown(has_osds(3), time.monotonic(), SHOWN_WITHIN)
    rebuilds = [look.rebuild for look in page.looks if look.at > began]
    percents = [rebuild[0] for rebuild in rebuilds if rebuild]
    # Guests go on writing, so there may be more to copy than a moment ago.
    assert len(set(percents)) > 2 and percents[-1] == max(percents), percents
    assert rebuilds[-1] is None
    assert any("MiB/s, about" in rebuild[1] for rebuild in rebuilds if rebuild), rebuilds
    for vm in disks:
        assert "I/O error" not in lab.guest(vm).output("dmesg")


@pytest.mark.requirement("OP-4")
def test_monitors_that_hang_are_shown_and_neither_files_nor_guests_wait_for_them(
    lab: DiskLab, disks: dict[str, dict[Disk, str]], page: OpenPage
) -> None:
    rows = StorageCluster.objects.filter(pk=lab.clusters[CEPH].pk)
    disk = next(disk for disk in disks[lab.vms[CEPH]] if disk.cluster_id == rows.get().pk)
    with lab.ceph.hanging("mon.a"):
        wait_until(lambda: rows.get().check_error, "the cluster's row to say so", seconds=30, every=0.2)
        known = time.monotonic()
        page.wait_shown(lambda look: UNREACHABLE in look.text, known - SHOWN_WITHIN, 2 * SHOWN_WITHIN)
        waiting = lab.ask("POST", f"/disks/{disk.pk}/snapshot", name="needs a monitor")
        ensure_files_go_on(lab, page)
        ensure_waits_with_the_reason(lab, page, waiting)
        for vm in disks:
            lab.wait_writing(vm, seconds=20)
    (ended,) = lab.ended(waiting)
    assert ended.status == OperationStatus.DONE, ended.error
    wait_until(lambda: not rows.get().check_error, "the row to be well", seconds=30, every=0.2)


@pytest.mark.requirement("OP-4")
def test_osds_that_hang_keep_what_needs_them_waiting_with_the_reason_and_nothing_else(
    lab: DiskLab, disks: dict[str, dict[Disk, str]], page: OpenPage
) -> None:
    with lab.ceph.hanging("osd.0", "osd.1", "osd.2"):
        body = {"size_gib": 10, "cluster": str(lab.clusters[CEPH].pk)}
        # More than the worker has threads.
        waiting = [lab.ask("POST", "/disks", name=f"waits-{i}", count=10, **body) for i in range(2)]
        ensure_files_go_on(lab, page)
        ensure_waits_with_the_reason(lab, page, waiting[0])
        ensure_files_go_on(lab, page)
    ended = [operation for each in waiting for operation in lab.ended(each)]
    assert [operation.error for operation in ended if operation.status != OperationStatus.DONE] == []
    ceph_cluster.wait_clean(lab.ceph)
    for vm in disks:
        lab.wait_writing(vm)
        assert "I/O error" not in lab.guest(vm).output("dmesg")


@pytest.mark.requirement("CL-10")
def test_a_pool_that_fills_up_is_warned_of_and_guests_wait_without_an_error_until_there_is_space(
    lab: DiskLab, disks: dict[str, dict[Disk, str]], page: OpenPage
) -> None:
    rows = StorageCluster.objects.filter(pk=lab.clusters[CEPH].pk)
    (writer, *_) = disks
    seen = [lab.acknowledged(writer)]

    def stands_still() -> bool:
        seen.append(lab.acknowledged(writer))
        return seen[-1] == seen[-2]

    with lab.quota() as limit:
        for used, level in ((85, 80), (95, 90)):

            def is_warned_of(used: int = used, level: int = level) -> bool:
                # What is used changes meanwhile: guests write, and what was deleted is purged.
                limit(rows.get().used_bytes * 100 // used)
                return rows.get().warned_percent >= level

            wait_until(is_warned_of, f"{level} %", seconds=120, every=2)
            assert "nearly full" in page.fetch("/admin/")
        limit(rows.get().used_bytes // 2)
        wait_until(lambda: lab.has_checks("POOL_FULL"), "Ceph to know", seconds=60, every=0.1)
        page.wait_shown(lambda look: "POOL_FULL" in look.text, time.monotonic(), SHOWN_WITHIN)
        wait_until(stands_still, "the guest to wait", seconds=60, every=3)
    for vm in disks:
        lab.wait_writing(vm)
        assert "I/O error" not in lab.guest(vm).output("dmesg")
    page.wait_shown(has_osds(3), time.monotonic() - SHOWN_WITHIN, 60)


@pytest.mark.requirement("OP-2")
def test_all_guests_run_again_by_themselves_after_a_power_cut_of_ceph_and_of_both_hosts(
    lab: DiskLab, disks: dict[str, dict[Disk, str]]
) -> None:
    acknowledged = {vm: lab.acknowledged(vm) for vm in disks}
    dead = lab.clients(disk for places in disks.values() for disk in places)
    assert dead
    hosts = lab.site.box.hosts
    lab.ceph.power_cut()
    for host in hosts:
        host.power_cut()
    with ThreadPoolExecutor() as threads:
        back = [threads.submit(lab.site.box.switch_on, host) for host in hosts]
        back.append(threads.submit(ceph_cluster.start, lab.ceph))
        for each in back:
            each.result()
    for vm in disks:
        lab.guest(vm).wait_booted()
    # Nobody has written to these disks since: without being shut out, their clients would be there for a while.
    assert dead <= lab.blocklist()
    for vm, places in disks.items():
        for disk, at in places.items():
            assert lab.records(disk, vm, at) >= acknowledged[vm]
            lab.guest(vm).output(f"dd if=/dev/zero of={disk.guest_path} bs=4k count=1 oflag=direct")
    wait_until(
        lambda: not stale_locks(lab), lambda: f"{stale_locks(lab)} to be unlocked", seconds=60, every=0.5
    )


def stale_locks(lab: DiskLab) -> dict[str, set[str]]:
    """Return, by image of RBD, the clients of hosts that hold its lock without watching it: nobody is there.

    A worker whose call had no answer may leave a lock, too; whoever opens the image next takes it over.
    """
    of_hosts = {host.management_ip for host in lab.site.box.hosts}
    found = {}
    for image in lab.ceph.rbd("ls", lab.pool.spec.path).split():
        name = f"{lab.pool.spec.path}/{image}"
        locks, status = (
            json.loads(lab.ceph.rbd(*words, name, "--format", "json"))
            for words in (("lock", "ls"), ("status",))
        )
        clients = {lock["address"] for lock in locks} - {each["address"] for each in status["watchers"]}
        holders = {client for client in clients if host_of(client) in of_hosts}
        if holders:
            found[image] = holders
    return found
