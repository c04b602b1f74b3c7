"""Images created from VMs that run on real hosts, with their disks in files and in Ceph."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from apps.compute.models import Image, Vm
from apps.drivers.specs import PoolKind
from apps.infrastructure import backends
from apps.storage.models import Disk
from tests.storage.real_lab import BACKENDS, FILES, DiskLab, lab

__all__ = ["lab"]

pytestmark = [pytest.mark.real, pytest.mark.timeout(600)]

Note = Callable[[str, object], None]


@pytest.fixture
def note(request: pytest.FixtureRequest) -> Note:
    """Keep a figure in the report of the run."""
    return lambda what, value: request.node.user_properties.append((what, value))


def system_disk(vm: str) -> Disk:
    return Disk.objects.select_related("cluster").get(vm=vm, role=Disk.Role.SYSTEM)


def snapshots_of(disk: Disk) -> list[str]:
    """Return what is kept of a disk in its storage cluster."""
    kept = backends.volumes(disk.cluster, None).inventory(disk.cluster.spec()).snapshot_of
    return [id for id, volume in kept.items() if volume == str(disk.pk)]


@pytest.mark.requirement("VM-8", "IM-2")
@pytest.mark.parametrize("backend", BACKENDS)
def test_a_vm_created_from_the_image_of_a_running_one_has_its_files(
    lab: DiskLab, backend: str, note: Note
) -> None:
    vm = lab.vms[backend]
    guest, word = lab.guest(vm), f"written-before-{backend}"
    # Not synced: what freezes the file systems writes them out.
    guest.output(f"echo {word} > /root/kept")
    began = time.monotonic()
    answer = lab.change("POST", f"/vms/{vm}/create-image", name=f"of-{backend}", seconds=300)
    note(f"seconds for an image of {system_disk(vm).size_gib} GiB, {backend}", time.monotonic() - began)
    guest.output("echo later > /root/kept")

    image = Image.objects.select_related("cluster__region").get(pk=answer["operation"]["target"]["id"])
    assert image.consistency == "filesystem"
    assert snapshots_of(system_disk(vm)) == []
    assert str(image.pk) in backends.volumes(image.cluster, None).observe(image.cluster.spec()).of(
        PoolKind.IMAGE
    )
    made = lab.create_vm(backend, lab.site.box.hosts[0].name, image)
    lab.guest(made).wait_booted()
    assert lab.guest(made).output("cat /root/kept").strip() == word
    assert guest.output("cat /root/kept").strip() == "later"
    lab.change("DELETE", f"/vms/{made}")
    lab.change("DELETE", f"/images/{image.pk}")


@pytest.mark.requirement("VM-1")
def test_a_host_without_uefi_firmware_says_so(lab: DiskLab) -> None:
    image = Image.objects.filter(pk=lab.site.image.pk)
    image.update(uefi=True)
    try:
        body = {"name": "uefi", "image": str(image.get().pk), "instance_type": lab.site.small.pk}
        error = lab.failure("POST", "/vms", **body, subnet=lab.customer.subnet, security_group=None)
    finally:
        image.update(uefi=False)
    assert error["code"] == "hypervisor.no_firmware"
    lab.change("DELETE", f"/vms/{Vm.objects.get(name='uefi').pk}")


@pytest.mark.requirement("VM-8")
def test_the_image_of_a_stopped_vm_boots(lab: DiskLab) -> None:
    vm = lab.vms[FILES]
    lab.power_off(vm)
    answer = lab.change("POST", f"/vms/{vm}/create-image", name="of-stopped", seconds=300)
    image = Image.objects.get(pk=answer["operation"]["target"]["id"])
    assert image.consistency == "offline"
    made = lab.create_vm(FILES, lab.site.box.hosts[1].name, image)
    lab.guest(made).wait_booted()
    lab.change("DELETE", f"/vms/{made}")
    lab.change("DELETE", f"/images/{image.pk}")
    lab.start(vm)
