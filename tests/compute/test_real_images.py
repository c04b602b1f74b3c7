"""Images created from VMs that run on real hosts. Those in Ceph: tests/drivers/contracts/volumes.py."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from onebox.shell import wait_until

from apps.compute.models import Image, Vm
from apps.drivers.specs import PoolKind
from apps.infrastructure import backends
from apps.lifecycle.models import Operation, OperationStatus
from apps.storage.models import Disk
from tests.real_site import Customer, RealSite
from tests.storage.real_guests import DiskGuests

pytestmark = [pytest.mark.real, pytest.mark.timeout(600)]

Note = Callable[[str, object], None]


@dataclass
class ImageLab(DiskGuests):
    """A tenant with a VM that has booted."""

    site: RealSite
    customer: Customer
    vm: str = ""

    def ended(self, method: str, path: str, seconds: float = 300, **body: Any) -> Operation:
        """Ask for a change, wait for its end and return its operation."""
        answer = self.customer.api.change(method, path, body)
        (asked,) = answer.get("operations") or [answer["operation"]]
        rows = Operation.objects.filter(pk=asked["id"])
        wait_until(lambda: not rows.open().exists(), f"the end of {path}", seconds=seconds, every=0.1)
        return rows.get()

    def change(self, method: str, path: str, **body: Any) -> Operation:
        """Ask for a change and see it done."""
        operation = self.ended(method, path, **body)
        assert operation.status == OperationStatus.DONE, (operation, operation.error, operation.steps)
        return operation

    def vm_body(self, image: Image, name: str) -> dict[str, Any]:
        """Return what a VM is requested with."""
        return {
            "name": name,
            "image": str(image.pk),
            "instance_type": self.site.small.pk,
            "subnet": self.customer.subnet,
            "security_group": None,
        }

    def create_vm(self, image: Image, name: str) -> str:
        """Create a VM and wait until its guest has booted."""
        made = str(self.change("POST", "/vms", **self.vm_body(image, name)).target_id)
        self.guest(made).wait_booted()
        return made


@pytest.fixture(scope="module")
def lab(real_site: RealSite) -> Iterator[ImageLab]:
    made = ImageLab(real_site, real_site.tenant("images"))
    made.vm = made.create_vm(real_site.image, "original")
    yield made


@pytest.fixture
def note(request: pytest.FixtureRequest) -> Note:
    """Keep a figure in the report of the run."""
    return lambda what, value: request.node.user_properties.append((what, value))


def snapshots_of(disk: Disk) -> list[str]:
    """Return what is kept of a disk in its storage cluster."""
    kept = backends.volumes(disk.cluster, None).inventory(disk.cluster.spec()).snapshot_of
    return [id for id, volume in kept.items() if volume == str(disk.pk)]


@pytest.mark.requirement("VM-8", "IM-2")
def test_a_vm_created_from_the_image_of_a_running_one_has_its_files(lab: ImageLab, note: Note) -> None:
    guest = lab.guest(lab.vm)
    disk = Disk.objects.select_related("cluster__region").get(vm=lab.vm, role=Disk.Role.SYSTEM)
    # Not synced: what freezes the file systems writes them out.
    guest.output("echo written-before > /etc/kept")
    began = time.monotonic()
    operation = lab.change("POST", f"/vms/{lab.vm}/create-image", name="golden")
    note(f"seconds for an image of a disk of {disk.size_gib} GiB", round(time.monotonic() - began, 1))
    guest.output("echo written-later > /etc/kept")

    image = Image.objects.get(pk=operation.target_id)
    assert image.consistency == "filesystem"
    assert snapshots_of(disk) == []
    images = backends.volumes(disk.cluster, None).observe(disk.cluster.spec()).of(PoolKind.IMAGE)
    assert str(image.pk) in images
    made = lab.create_vm(image, "from-golden")
    assert lab.guest(made).output("cat /etc/kept").strip() == "written-before"
    assert guest.output("cat /etc/kept").strip() == "written-later"
    lab.change("DELETE", f"/vms/{made}")
    lab.change("DELETE", f"/images/{image.pk}")


@pytest.mark.requirement("VM-1")
def test_a_host_without_uefi_firmware_says_so(lab: ImageLab) -> None:
    image = Image.objects.filter(pk=lab.site.image.pk)
    image.update(uefi=True)
    try:
        operation = lab.ended("POST", "/vms", **lab.vm_body(image.get(), "uefi"))
    finally:
        image.update(uefi=False)
    assert (operation.status, operation.error["code"]) == (OperationStatus.FAILED, "hypervisor.no_firmware")
    lab.change("DELETE", f"/vms/{Vm.objects.get(name='uefi').pk}")
