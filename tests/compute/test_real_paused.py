"""A full pool on a real host: its guest is shown as paused, can be restarted, and is resumed when there is space."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from django.db.models import F, QuerySet
from onebox.hosts import Host as Machine
from onebox.shell import wait_until

from apps.compute.models import Image, Vm
from apps.compute.services.image import import_image
from apps.infrastructure.models import SILENCE, Collection, Host
from apps.infrastructure.reachability import is_silent
from apps.infrastructure.services.storage_clusters import create_storage_cluster
from apps.lifecycle.actor import SYSTEM
from apps.lifecycle.models import Operation, OperationStatus
from tests.drivers.guests import Guest
from tests.real_site import Customer, RealSite

pytestmark = [
    pytest.mark.real,
    pytest.mark.timeout(600),
    pytest.mark.requirement("VM-9"),
    pytest.mark.campaign("guests on real hosts", ("apps/compute/operations/",), share=2),
]

POOL, FILLER = "/var/lib/scloud/small", "/var/lib/scloud/small/filler"
POOL_SIZE = "700M"
#: The guest finds space for a third of what it writes.
LEFT_KIB, WRITES_MIB = 40_000, 120


@dataclass
class Small:
    """A VM whose disk is in a small pool of the first host."""

    site: RealSite
    customer: Customer
    machine: Machine
    vm: Vm

    @property
    def guest(self) -> Guest:
        return Guest(self.machine, str(self.vm.pk))

    def fill(self) -> None:
        """Leave little space in the pool."""
        free = f"$(df --output=avail -k {POOL} | tail -n 1)"
        self.machine.exec("sh", "-c", f"fallocate -l $(({free} - {LEFT_KIB}))K {FILLER}")

    def make_space(self) -> None:
        self.machine.exec("rm", "-f", FILLER)

    def write(self, name: str) -> None:
        """Have the guest write more than there is space for. Once it is paused, nobody can ask how it goes."""
        script = (
            f"dd if=/dev/zero of=/root/{name} bs=1M count={WRITES_MIB} conv=fsync && touch /root/{name}.done"
        )
        command = {
            "execute": "guest-exec",
            "arguments": {"path": "/bin/sh", "arg": ["-c", f"sleep 1; {script}"]},
        }
        self.machine.exec("virsh", "qemu-agent-command", f"vm-{self.vm.pk}", json.dumps(command))

    def shown(self) -> dict[str, Any]:
        answer: dict[str, Any] = self.customer.api.get(f"/vms/{self.vm.pk}")
        return answer

    def wait_shown(self, word: str, seconds: float = 240) -> dict[str, Any]:
        """Wait until the API shows the VM in a state."""
        wait_until(
            lambda: self.shown()["word"] == word,
            f"{word}: {self.shown()}",
            seconds=seconds,
            every=0.5,
        )
        return self.shown()

    def finished(self, operation: str, seconds: float) -> Operation:
        """Wait until an operation has ended."""
        rows = Operation.objects.filter(pk=operation)
        wait_until(lambda: not rows.open().exists(), f"the end of {rows.get()}", seconds=seconds, every=0.5)
        return rows.get()


@pytest.fixture(scope="module")
def small(real_site: RealSite) -> Iterator[Small]:
    first, second = real_site.box.hosts
    second.exec("systemctl", "stop", "scloud-agent")  # so that the first host gets the VM
    first.exec("mkdir", "-p", POOL)
    first.exec("mount", "-t", "tmpfs", "-o", f"size={POOL_SIZE},mode=0711", "tmpfs", POOL)
    try:
        yield started(real_site, first)
    finally:
        for vm in Vm.objects.all():
            first.exec("virsh", "destroy", f"vm-{vm.pk}", check=False)
        wait_until(
            lambda: not first.exec("sh", "-c", f"umount {POOL} 2>&1; true"),
            "the pool to be left",
            seconds=120,
        )
        second.exec("systemctl", "start", "scloud-agent")


def started(site: RealSite, machine: Machine) -> Small:
    region = site.image.region
    assert region is not None
    make_silent(Host.objects.exclude(name=machine.name))
    pool = create_storage_cluster(SYSTEM, region, path=POOL, overcommit=1000)
    machine.exec("mkdir", "-m", "700", f"{POOL}/import")
    shutil.copy(site.box.guest_image, site.box.shared / "import")
    machine.exec("cp", f"/var/lib/scloud/shared/import/{site.box.guest_image.name}", f"{POOL}/import/")
    imported = import_image(
        SYSTEM,
        name="small",
        cluster=pool,
        file=site.box.guest_image.name,
        os_name="Debian",
        default_disk_gib=1,
    )
    site.wait_ready(kind="image")
    customer = site.tenant("small")
    body = {
        "name": "small",
        "image": str(Image.objects.get(pk=imported.target_id).pk),
        "instance_type": site.small.pk,
        "subnet": customer.subnet,
        "security_group": None,
        "password": "First-boot-4711",
        "user_data": "#!/bin/sh\necho again >>/root/runs\n",
    }
    (made,) = customer.api.change("POST", "/vms", body)["resources"]
    site.wait_ready(kind="vm")
    found = Small(site, customer, machine, Vm.objects.get(pk=made["id"]))
    found.guest.wait_booted()
    return found


def make_silent(stopped: QuerySet[Host]) -> None:
    """Have hosts whose agents were stopped count as silent, as they do by themselves some seconds later."""
    for _ in range(2):  # The first round may have started before the agents were stopped.
        before = Collection.objects.get().at
        wait_until(lambda at=before: Collection.objects.get().at > at, "a round of reports", seconds=240)
    stopped.update(last_report_at=F("last_report_at") - SILENCE)
    assert all(is_silent(host) for host in stopped)


def test_a_guest_of_a_full_pool_is_shown_as_paused_and_goes_on_when_there_is_space(small: Small) -> None:
    small.fill()
    small.write("first")
    shown = small.wait_shown("Paused")
    assert (shown["pause_reason"], shown["power_seen"]) == ("no_space", "on")
    assert "paused" in small.machine.exec("virsh", "domstate", f"vm-{small.vm.pk}")

    small.make_space()
    small.wait_shown("Running")
    resumed = Operation.objects.get(target_id=small.vm.pk, verb="vm.resume")
    assert (resumed.status, resumed.actor_id) == (OperationStatus.DONE, None)
    small.guest.output("until [ -e /root/first.done ]; do usleep 200000; done", seconds=240)


def test_a_restart_of_a_paused_guest_ends(small: Small) -> None:
    small.fill()
    small.write("second")
    small.wait_shown("Paused")
    asked = small.customer.api.change("POST", f"/vms/{small.vm.pk}/restart")
    operation = small.finished(asked["operation"]["id"] if "operation" in asked else asked["id"], seconds=240)
    assert operation.status == OperationStatus.DONE, operation.error
    small.make_space()
    small.guest.wait_booted()
    small.wait_shown("Running")


@pytest.mark.requirement("SE-4")
def test_first_boot_data_is_removed_once_the_guest_has_run_for_a_while(small: Small) -> None:
    small.guest.output("until [ -e /root/runs ]; do usleep 200000; done; sync", seconds=240)
    seed = f"/var/lib/scloud/seeds/{small.vm.pk}.iso"
    assert int(small.machine.exec("grep", "-acE", "again|[$]6[$]", seed)) > 0
    Vm.objects.filter(pk=small.vm.pk).update(power_seen_at=F("power_seen_at") - timedelta(minutes=11))
    wait_until(
        lambda: Vm.objects.filter(pk=small.vm.pk, first_boot_done_at__isnull=False).exists(),
        "the removal of first-boot data",
        seconds=240,
        every=0.5,
    )
    vm = Vm.objects.get(pk=small.vm.pk)
    assert (vm.sealed_password_hash, vm.sealed_user_data) == ("", "")
    assert small.machine.exec("grep", "-acE", "again|[$]6[$]", seed, check=False).strip() == "0"
