"""Verbs of disks by the platform, and the bare steps with virsh, qemu-img and rbd that come to the same."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from django.utils import timezone
from onebox.hosts import Host

from apps.lifecycle.models import OperationStatus
from apps.storage.models import Disk
from tests.storage.real_lab import CEPH, DiskLab


@dataclass
class BenchDisk:
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
        assert ended.status == OperationStatus.DONE, (ended, ended.error)
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
