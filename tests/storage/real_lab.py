"""Two guests on real hosts, one with its system disk in files and one with it in Ceph, and disks beside them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from onebox.ceph_site import CephSite
from onebox.shell import wait_until

from apps.compute.models import Image
from apps.infrastructure.models import Host, StorageCluster
from apps.lifecycle.models import Operation, OperationStatus
from apps.quotas.models import Quota
from apps.storage.models import Disk, Snapshot
from tests.drivers.ceph_pools import CephPool
from tests.real_site import Customer, RealSite
from tests.storage.ceph_connection import connect, disconnect
from tests.storage.ceph_trouble import CephTrouble
from tests.storage.real_guests import MOUNT, DiskGuests

FILES, CEPH = "files", "ceph"
BACKENDS = (FILES, CEPH)


@dataclass
class DiskLab(DiskGuests, CephTrouble):
    """A tenant with one guest on each backend and each host. What is asked for goes through the API to the worker."""

    site: RealSite
    customer: Customer
    ceph: CephSite
    pool: CephPool
    clusters: dict[str, StorageCluster]
    vms: dict[str, str] = field(default_factory=dict)

    def ask(self, method: str, path: str, **body: Any) -> dict[str, Any]:
        """Ask for a change and return what was accepted."""
        answer: dict[str, Any] = self.customer.api.change(method, path, body)
        return answer

    def ended(self, answer: dict[str, Any], seconds: float = 60) -> list[Operation]:
        """Wait until the operations of an answer have ended, and return them."""
        asked = answer.get("operations") or [answer.get("operation") or answer]
        rows = Operation.objects.filter(pk__in=[each["id"] for each in asked])
        wait_until(lambda: not rows.open().exists(), f"the end of {asked}", seconds=seconds, every=0.05)
        return list(rows)

    def change(self, method: str, path: str, *, seconds: float = 60, **body: Any) -> dict[str, Any]:
        """Ask for a change and see it done."""
        answer = self.ask(method, path, **body)
        for operation in self.ended(answer, seconds):
            assert operation.status == OperationStatus.DONE, (operation, operation.error, operation.steps)
        return answer

    def failure(self, method: str, path: str, **body: Any) -> dict[str, Any]:
        """Ask for a change, see it fail for good, and return its error."""
        (operation,) = self.ended(self.ask(method, path, **body))
        assert operation.status == OperationStatus.FAILED, operation
        return dict(operation.error)

    def create_vm(self, backend: str, host: str, image: Image | None = None) -> str:
        """Create a VM on a host, from the site's image or another."""
        Host.objects.update(accepts_vms=False)
        Host.objects.filter(name=host).update(accepts_vms=True)
        body: dict[str, Any] = {
            "name": f"on-{backend}",
            "image": str((image or self.site.image).pk),
            "disk_cluster": str(self.clusters[backend].pk),
            "instance_type": self.site.small.pk,
            "subnet": self.customer.subnet,
            "security_group": None,
        }
        made = str(self.change("POST", "/vms", **body)["resources"][0]["id"])
        Host.objects.update(accepts_vms=True)
        return made

    def create_disk(self, backend: str, size_gib: int = 10, name: str = "data") -> Disk:
        """Create a data disk."""
        body: dict[str, Any] = {"name": name, "size_gib": size_gib, "cluster": str(self.clusters[backend].pk)}
        return Disk.objects.get(pk=self.change("POST", "/disks", **body)["resources"][0]["id"])

    def attach(self, disk: Disk, vm: str) -> None:
        """Attach a disk, and wait until the guest that runs has made its device."""
        self.change("POST", f"/disks/{disk.pk}/attach", vm=vm)
        self.guest(vm).output(f"until [ -b {disk.guest_path} ]; do usleep 50000; done")

    def detach(self, disk: Disk) -> None:
        """Detach a disk."""
        self.change("POST", f"/disks/{disk.pk}/detach")

    def snapshot(self, disk: Disk, name: str) -> Snapshot:
        """Take a snapshot of a disk."""
        answer = self.change("POST", f"/disks/{disk.pk}/snapshot", name=name)
        return Snapshot.objects.get(pk=answer["operation"]["target"]["id"])

    def clone(self, disk: Disk, name: str, **body: Any) -> Disk:
        """Clone a disk."""
        answer = self.change("POST", f"/disks/{disk.pk}/clone", name=name, **body)
        return Disk.objects.get(pk=answer["operation"]["target"]["id"])

    def wait_independent(self, copy: Disk) -> None:
        """Wait until a clone, which was usable at once, has all of its data."""
        rows = Disk.objects.filter(pk=copy.pk, independent_at__isnull=False)
        wait_until(rows.exists, "the rest of the copy", seconds=60, every=0.1)

    def formatted(self, disk: Disk, vm: str) -> str:
        """Have the guest make a file system with data on an attached disk and mount it; return the checksum."""
        guest, path = self.guest(vm), disk.guest_path
        guest.output(f"mkfs.ext4 -q -E nodiscard {path} && mkdir -p {MOUNT} && mount {path} {MOUNT}")
        guest.output(f"testdata fill {MOUNT} 4")
        return self.checksum(vm)

    def written_at(self, vm: str, disks: dict[Disk, str]) -> None:
        """Attach disks to a VM whose guest mounts each at its place and starts to write records to all of them."""
        guest = self.guest(vm)
        for disk, at in disks.items():
            self.attach(disk, vm)
            path = disk.guest_path
            guest.output(f"mkfs.ext4 -q -E nodiscard {path} && mkdir -p {at} && mount {path} {at}")
        guest.output(f"testdata write {' '.join(disks.values())}")
        guest.output("until [ -s /run/testdata.acked ]; do usleep 50000; done")

    def power_off(self, vm: str) -> None:
        """Cut a VM's power."""
        self.change("POST", f"/vms/{vm}/power-off")

    def start(self, vm: str) -> None:
        """Start a VM and wait until its guest has booted."""
        self.change("POST", f"/vms/{vm}/start")
        self.guest(vm).wait_booted()


@pytest.fixture(scope="module")
def lab(real_site: RealSite, ceph: CephSite) -> Iterator[DiskLab]:
    """A guest with a system disk in files on the first host, one with it in Ceph on the second; both have booted."""
    cluster, pool = connect(real_site, ceph)
    made = DiskLab(
        real_site,
        real_site.tenant("disks"),
        ceph,
        pool,
        {FILES: StorageCluster.objects.get(pk=real_site.image.cluster_id), CEPH: cluster},
    )
    Quota.objects.filter(tenant=made.customer.tenant).update(limit=10_000)
    # The pools are small, and their disks are hardly filled.
    StorageCluster.objects.update(overcommit=10_000)
    try:
        # The image is in files: the first VM in Ceph has it copied there.
        for backend, host in zip(BACKENDS, real_site.box.hosts, strict=True):
            made.vms[backend] = made.create_vm(backend, host.name)
        for vm in made.vms.values():
            made.guest(vm).wait_booted()
        yield made
    finally:
        disconnect(real_site, pool)
