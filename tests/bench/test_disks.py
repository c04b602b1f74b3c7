"""Disks of real guests: what each verb takes beside its bare steps, limits as the guest measures them, large clones."""

from __future__ import annotations

from statistics import median
from typing import Any

import pytest
from django.utils import timezone

from apps.lifecycle.models import OperationStatus
from apps.storage.models import Disk
from tests.bench.bare_disks import BenchDisk
from tests.bench.report import Figure, report
from tests.storage.real_lab import BACKENDS, CEPH, DiskLab, lab

__all__ = ["lab"]

pytestmark = [pytest.mark.bench, pytest.mark.real, pytest.mark.timeout(600)]

ROUNDS = 10
MOST_RATIO = 1.2
MIB = 1 << 20
#: What is asked for, in turn, of a disk in use: operations per second, MiB per second.
SPEEDS = ((100, 16), (200, 4), (80, 8))
WITHIN = 0.2
"""Of a limit: what the guest measures may differ by so much of it."""


def test_what_verbs_of_disks_take_beside_their_bare_steps(lab: DiskLab) -> None:
    figures = []
    for running in (True, False):
        for backend in BACKENDS:
            vm = lab.vms[backend]
            if not running:
                lab.power_off(vm)
            bench = BenchDisk(lab, backend, vm, lab.create_disk(backend), running)
            rounds: dict[str, list[tuple[float, float]]] = {}
            for _ in range(ROUNDS):
                for verb, product, bare in bench.round():
                    rounds.setdefault(verb, []).append((product, bare))
            for verb, seen in rounds.items():
                product, bare = (median(column) for column in zip(*seen, strict=True))
                title = f"{verb}, {backend}, {'running' if running else 'stopped'}"
                figures.append(Figure(title, product, "s"))
                if bare:
                    figures.append(Figure(f"{title}: bare steps", bare, "s"))
                    figures.append(Figure(f"{title}: ratio", product / bare, "", MOST_RATIO))
    report("disks", figures)


def test_limits_are_kept_as_the_guest_measures_and_change_live(lab: DiskLab) -> None:
    figures = []
    for backend in BACKENDS:
        vm, disk = lab.vms[backend], lab.create_disk(backend)
        ensure_on(lab, vm)
        lab.attach(disk, vm)
        for iops, mib in SPEEDS:
            body = {"iops": iops, "bytes_per_second": mib * MIB}
            lab.change("POST", f"/disks/{disk.pk}/set-limits", **body)
            for title, asked, block, count in (
                ("IOPS", iops, 4, 4 * iops),
                ("MiB/s", mib, 1024, 4 * mib),
            ):
                seconds = guest_seconds(
                    lab, vm, f"dd if=/dev/zero of={disk.guest_path} bs={block}k count={count} oflag=direct"
                )
                found = count / seconds
                figures.append(Figure(f"{backend}: {title} of {asked}", found, title, asked * (1 + WITHIN)))
                assert abs(found - asked) < asked * WITHIN, (backend, title, asked, found)
    report("disk-limits", figures)


def ensure_on(lab: DiskLab, vm: str) -> None:
    """Start a VM that another test has stopped."""
    if lab.customer.api.get(f"/vms/{vm}")["power_seen"] != "on":
        lab.start(vm)


def guest_seconds(lab: DiskLab, vm: str, command: str) -> float:
    """Return how long a command takes in the guest, by the guest's clock."""
    uptime = "cut -d' ' -f1 /proc/uptime"
    text = lab.guest(vm).output(f"{uptime}; {command} 2>/dev/null; {uptime}", seconds=120)
    began, ended = (float(word) for word in text.split())
    return ended - began


def test_a_large_clone_is_usable_at_once_and_deleted_at_once(lab: DiskLab) -> None:
    vm = lab.vms[CEPH]
    ensure_on(lab, vm)
    disk = lab.create_disk(CEPH, 20)
    lab.attach(disk, vm)
    path = disk.guest_path
    lab.guest(vm).output(f"dd if=/dev/zero of={path} bs=1M count=256 oflag=direct", seconds=120)
    lab.detach(disk)
    cloned, copy = timed(lab, "POST", f"/disks/{disk.pk}/clone", name="copy")
    lab.wait_independent(Disk.objects.get(pk=copy))
    deleted, _ = timed(lab, "DELETE", f"/disks/{copy}")
    report(
        "clones",
        [
            Figure("clone of 20 GiB in Ceph until it can be used", cloned, "s", 1),
            Figure("its deletion", deleted, "s", 1),
        ],
    )


def timed(lab: DiskLab, method: str, path: str, **body: Any) -> tuple[float, str]:
    """Ask for a change; return the seconds until it was done, and what it was done to."""
    began = timezone.now()
    (ended,) = lab.ended(lab.ask(method, path, **body))
    assert ended.status == OperationStatus.DONE, ended.error
    assert ended.finished_at is not None
    return (ended.finished_at - began).total_seconds(), str(ended.target_id)
