"""A real VM gets larger while it runs, and smaller and larger by a restart or while it is off: as its guest sees it."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from onebox.hosts import Host as Machine
from onebox.shell import wait_until

from apps.compute.models import Image, InstanceType, Vm
from apps.lifecycle.models import Operation, OperationStatus
from tests.drivers.guests import Guest
from tests.platform_fixtures import Answer
from tests.real_site import Customer, RealSite

pytestmark = [pytest.mark.real, pytest.mark.timeout(900)]

#: A kernel keeps some of its memory to itself.
KERNELS_SHARE_MIB = 300


@dataclass
class Growing:
    """A running VM of 1 vCPU and 2 GiB whose image supports hot-add."""

    site: RealSite
    customer: Customer
    vm: Vm

    @property
    def machine(self) -> Machine:
        self.vm.refresh_from_db()
        assert self.vm.host is not None
        return self.site.box.host(self.vm.host.name)

    @property
    def guest(self) -> Guest:
        return Guest(self.machine, str(self.vm.pk))

    def ask(self, action: str, vcpu: int = 0) -> Answer:
        kinds = InstanceType.objects.filter(cluster=self.vm.cluster, vcpu=vcpu)
        body = {"instance_type": kinds.get().pk} if vcpu else None
        return self.customer.api.ask("POST", f"/vms/{self.vm.pk}/{action}", body)

    def do(self, action: str, vcpu: int = 0) -> None:
        """Have something done to the VM, and wait for its end."""
        answer = self.ask(action, vcpu)
        assert answer.status == 202, answer
        rows = Operation.objects.filter(pk=answer.body["operation"]["id"])
        wait_until(lambda: not rows.open().exists(), f"the end of {rows.get()}", seconds=240, every=0.2)
        operation = rows.get()
        assert operation.status == OperationStatus.DONE, (operation.error, operation.steps)

    def shown(self) -> dict[str, Any]:
        answer: dict[str, Any] = self.customer.api.get(f"/vms/{self.vm.pk}")
        return answer

    def seen_by_guest(self) -> tuple[int, int]:
        """vCPUs that are online in the guest, and its memory in GiB, rounded up."""
        words = self.guest.output("nproc; sed -n 's/MemTotal: *//p' /proc/meminfo").split()
        return int(words[0]), -(-(int(words[1]) // 1024) // 1024)

    def wait_seen(self, vcpu: int) -> None:
        """Wait until the guest has brought everything online."""
        wanted = (vcpu, 2 * vcpu)
        wait_until(
            lambda: self.seen_by_guest() == wanted,
            f"a guest with {wanted}: {self.seen_by_guest()}",
            seconds=120,
            every=1,
        )
        free = int(self.guest.output("sed -n 's/MemTotal: *\\([0-9]*\\).*/\\1/p' /proc/meminfo")) // 1024
        assert free > 2048 * vcpu - KERNELS_SHARE_MIB

    def sizes(self, *of: str) -> tuple[int, int]:
        """vCPUs and MiB in the running domain, or in its stored definition (`--inactive`)."""
        tree = ET.fromstring(self.machine.exec("virsh", "dumpxml", *of, f"vm-{self.vm.pk}"))
        vcpu, memory = tree.find("vcpu"), tree.find("memory")
        assert vcpu is not None and memory is not None
        return int(vcpu.get("current", vcpu.text or "0")), int(memory.text or "0") // 1024


@pytest.fixture(scope="module")
def growing(real_site: RealSite) -> Iterator[Growing]:
    images = Image.objects.filter(pk=real_site.image.pk)
    images.update(hot_upgrade=True)
    customer = real_site.tenant("growing")
    body = {
        "name": "growing",
        "image": str(real_site.image.pk),
        "instance_type": real_site.small.pk,
        "subnet": customer.subnet,
        "security_group": None,
    }
    (made,) = customer.api.change("POST", "/vms", body)["resources"]
    real_site.wait_ready(kind="vm")
    found = Growing(real_site, customer, Vm.objects.get(pk=made["id"]))
    found.guest.wait_booted()
    yield found
    images.update(hot_upgrade=False)


@pytest.mark.requirement("VM-7")
def test_a_running_guest_gets_vcpus_and_memory_and_keeps_running(growing: Growing) -> None:
    assert growing.seen_by_guest() == (1, 2)
    assert growing.shown()["hot_add"] == {"max_vcpu": 8, "max_memory_gib": 16}
    started = growing.guest.output("cut -d. -f1 /proc/uptime; touch /tmp/same-boot").split()[0]
    for vcpu in (2, 4):
        growing.do("hot-add", vcpu)
        growing.wait_seen(vcpu)
        shown = growing.shown()
        assert (shown["vcpu"], shown["memory_gib"], shown["prepared_resize"]) == (vcpu, 2 * vcpu, None)
        assert growing.sizes() == growing.sizes("--inactive") == (vcpu, 2048 * vcpu)
    growing.guest.output("test -e /tmp/same-boot")
    assert int(growing.guest.output("cut -d. -f1 /proc/uptime")) >= int(started)


@pytest.mark.requirement("VM-7")
def test_a_running_guest_is_not_made_smaller(growing: Growing) -> None:
    answer = growing.ask("hot-add", 2)
    assert (answer.status, answer.body["code"]) == (409, "vm.no_online_downgrade"), answer
    assert growing.sizes() == (4, 8192)


@pytest.mark.requirement("VM-6")
def test_a_prepared_size_is_that_of_the_guest_after_its_restart(growing: Growing) -> None:
    growing.do("resize", 1)
    prepared = growing.shown()["prepared_resize"]
    assert (prepared["vcpu"], prepared["memory_gib"]) == (1, 2)
    assert growing.sizes() == growing.sizes("--inactive") == (4, 8192)
    growing.do("restart")
    growing.guest.wait_booted()
    growing.wait_seen(1)
    assert growing.sizes() == growing.sizes("--inactive") == (1, 2048)
    assert growing.shown()["prepared_resize"] is None


@pytest.mark.requirement("VM-6")
def test_a_stopped_vm_is_made_larger_and_smaller(growing: Growing) -> None:
    for vcpu in (2, 1):
        growing.do("power-off")
        growing.do("resize", vcpu)
        assert growing.sizes("--inactive") == (vcpu, 2048 * vcpu)
        growing.do("start")
        growing.guest.wait_booted()
        growing.wait_seen(vcpu)
