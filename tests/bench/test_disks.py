"""Disks of real guests: what each verb takes beside its bare steps, limits as the guest measures them, large clones."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from django.utils import timezone
from onebox.hosts import Host

from apps.storage.models import Disk
from tests.bench.report import Figure, report
from tests.storage.real_lab import BACKENDS, CEPH, DiskLab, lab

__all__ = ["lab"]

pytestmark = [pytest.mark.bench, pytest.mark.real, pytest.mark.timeout(600)]

ROUNDS = 3
MOST_RATIO = 1.2
MIB = 1 << 20
#: What is asked for, in turn, of a disk in use: operations per second, MiB per second.
SPEEDS = ((100, 16), (200, 4), (80, 8))
WITHIN = 0.2
"""Of a limit: what the guest measures may differ by so much of it."""


@dataclass
class Bench:
    """One disk of one VM."""

    lab: DiskLab
    backend: str
    vm: str
    disk: Disk
    running: bool
    xml: str = ""
    last: str = ""
    size_gib: int = 10

    @property
    def host(self) -> Host:
        return self.lab.guest(self.vm).host

    @property
    def target(self) -> str:
        return f"{self.lab.pool.spec.path}/volume-{self.disk.pk}"

    @property
    def file(self) -> str:
        return f"/var/lib/scloud/shared/volumes/{self.disk.pk}.qcow2"

    def product(self, action: str, **body: Any) -> float:
        """Ask for a verb; return the seconds from the request to the end of its operation."""
        began = timezone.now()
        answer = self.lab.ask("POST", f"/disks/{self.disk.pk}/{action}", **body)
        (ended,) = self.lab.ended(answer)
        assert ended.status == "done", (ended, ended.error)
        assert ended.finished_at is not None
        if action == "snapshot":
            self.last = str(ended.target_id)
        return (ended.finished_at - began).total_seconds()

    def virsh(self, *words: str, stdin: str | None = None) -> str:
        return self.host.exec("virsh", "-q", *words, stdin=stdin)

    def timed(self, *calls: Callable[[], Any]) -> float:
        began = time.monotonic()
        for call in calls:
            call()
        return time.monotonic() - began

    def keep_xml(self) -> None:
        """Keep the disk's element as libvirt has it, so that it can be attached by hand."""
        whole = self.virsh("dumpxml", f"vm-{self.vm}", *([] if self.running else ["--inactive"]))
        found = [each for each in re.findall(r"<disk .*?</disk>", whole, re.S) if self.disk.serial in each]
        self.xml = re.sub(r"<(alias|address|backingStore|backenddomain)[^>]*/>", "", found[0])
        self.xml = re.sub(r" index='\d+'", "", self.xml)

    @property
    def device(self) -> str:
        return "vd" + "abcdefg"[Disk.objects.get(pk=self.disk.pk).slot or 0]

    @property
    def where(self) -> list[str]:
        return ["--live", "--config"] if self.running else ["--config"]

    def attach(self) -> float:
        return self.timed(
            lambda: self.virsh("attach-device", f"vm-{self.vm}", "/dev/stdin", *self.where, stdin=self.xml)
        )

    def detach(self) -> float:
        def released() -> None:
            while self.running and str(self.disk.pk) in self.virsh("domblklist", f"vm-{self.vm}"):
                pass

        return self.timed(
            lambda: self.virsh("detach-device", f"vm-{self.vm}", "/dev/stdin", *self.where, stdin=self.xml),
            released,
        )

    def snapshot(self) -> float:
        if not self.running:
            return self.timed(lambda: self.bare_snapshot("create"))
        domain = f"vm-{self.vm}"
        return self.timed(
            lambda: self.virsh("domfsfreeze", domain),
            lambda: self.bare_snapshot("create"),
            lambda: self.virsh("domfsthaw", domain),
        )

    def bare_snapshot(self, verb: str) -> None:
        """Create or delete a snapshot of the disk by hand."""
        creates = verb == "create"
        if self.backend == CEPH:
            self.lab.ceph.rbd("snap", "create" if creates else "rm", "--no-progress", f"{self.target}@bare")
        elif self.running:
            order = f"blockdev-snapshot-{'' if creates else 'delete-'}internal-sync"
            self.ask_qemu(order, device=self._node(), name="bare")
        else:
            self.host.exec("qemu-img", "snapshot", "-c" if creates else "-d", "bare", self.file)

    def ask_qemu(self, order: str, **arguments: str) -> Any:
        """Send QEMU an order and return its answer."""
        request = json.dumps({"execute": order, "arguments": arguments})
        return json.loads(self.virsh("qemu-monitor-command", f"vm-{self.vm}", request))["return"]

    def _node(self) -> str:
        found = self.ask_qemu("query-named-block-nodes")
        here = [node for node in found if str(self.disk.pk) in node.get("file", "")]
        return next(str(node["node-name"]) for node in here if node["drv"] == "qcow2")

    def expand(self, size_gib: int) -> float:
        if self.running:
            return self.timed(lambda: self.virsh("blockresize", f"vm-{self.vm}", self.device, f"{size_gib}G"))
        if self.backend == CEPH:
            return self.timed(
                lambda: self.lab.ceph.rbd("resize", "--no-progress", "--size", f"{size_gib}G", self.target)
            )
        return self.timed(lambda: self.host.exec("qemu-img", "resize", "-q", self.file, f"{size_gib}G"))

    def round(self) -> Iterator[tuple[str, float, float]]:
        """Yield verb, seconds by the product, seconds of the bare steps; the disk is detached before and after."""
        attached = self.product("attach", vm=self.vm)
        self.keep_xml()
        # By hand: detached and attached again behind the platform's back, which then finds it as it left it.
        bare_detach, bare_attach = self.detach(), self.attach()
        yield "attach", attached, bare_attach
        taken, bare = self.product("snapshot", name="one"), self.snapshot()
        self.bare_snapshot("delete")
        yield "snapshot", taken, bare
        bare = self.expand(self.size_gib + 1)
        yield "expand", self.product("expand", size_gib=self.size_gib + 2), bare
        self.size_gib += 2
        yield "limits", self.product("set-limits", iops=500), self.limit()
        yield "detach", self.product("detach"), bare_detach
        began = time.monotonic()
        self.lab.change("DELETE", f"/snapshots/{self.last}")
        yield "delete snapshot", time.monotonic() - began, 0

    def limit(self) -> float:
        words = ("blkdeviotune", f"vm-{self.vm}", self.device, "--total-iops-sec", "500", *self.where)
        return self.timed(lambda: self.virsh(*words))


def test_what_verbs_of_disks_take_beside_their_bare_steps(lab: DiskLab) -> None:
    figures = []
    for running in (True, False):
        for backend in BACKENDS:
            vm = lab.vms[backend]
            if not running:
                lab.power_off(vm)
            bench = Bench(lab, backend, vm, lab.create_disk(backend), running)
            rounds: dict[str, list[tuple[float, float]]] = {}
            for _ in range(ROUNDS):
                for verb, product, bare in bench.round():
                    rounds.setdefault(verb, []).append((product, bare))
            for verb, seen in rounds.items():
                product, bare = (min(column) for column in zip(*seen, strict=True))
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
    assert ended.status == "done", ended.error
    assert ended.finished_at is not None
    return (ended.finished_at - began).total_seconds(), str(ended.target_id)
