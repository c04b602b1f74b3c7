"""The whole platform on Ceph: from connecting the cluster to an empty pool, by the API, on real hosts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from onebox.ceph_site import CephSite
from onebox.shell import wait_until

from apps.compute.models import Image, ImageCopy
from apps.compute.services.image import delete_image, import_image
from apps.compute.services.image_copy import copy_image, delete_copy
from apps.drivers.specs import PoolKind
from apps.infrastructure.backends import volumes
from apps.infrastructure.models import StorageCluster
from apps.lifecycle.actor import SYSTEM
from apps.lifecycle.errors import InUse
from apps.lifecycle.models import Operation, OperationStatus
from apps.storage.models import Disk
from tests.drivers.ceph_pools import CephPool
from tests.real_site import IDLE_FILE, Customer, RealSite
from tests.storage.ceph_connection import connect, disconnect

pytestmark = [pytest.mark.real, pytest.mark.timeout(400)]


@dataclass
class OnCeph:
    """A tenant, and the Ceph pool that its disks are in."""

    site: RealSite
    customer: Customer
    cluster: StorageCluster
    pool: CephPool

    def change(self, method: str, path: str, **body: Any) -> Any:
        """Ask for a change and wait until it is done."""
        answer = self.customer.api.change(method, path, body)
        asked = answer.get("operations") or [answer.get("operation") or answer]
        for each in asked:
            wait_until(lambda id=each["id"]: _ended(id), f"{method} {path}", seconds=60, every=0.1)
        return answer

    def images(self) -> set[str]:
        """Return the ids of the images in the pool."""
        return set(self.pool.inventory().of(PoolKind.IMAGE))


def _ended(id: str) -> bool:
    operation = Operation.objects.get(pk=id)
    assert operation.status != OperationStatus.FAILED, operation.error
    return operation.status == OperationStatus.DONE


@pytest.fixture(scope="module")
def on_ceph(real_site: RealSite, ceph: CephSite) -> Iterator[OnCeph]:
    cluster, pool = connect(real_site, ceph)
    yield OnCeph(real_site, real_site.tenant("ceph"), cluster, pool)
    disconnect(real_site, pool)


@pytest.mark.requirement("CL-2")
@pytest.mark.requirement("IM-4")
@pytest.mark.requirement("EV-1")
@pytest.mark.requirement("EV-5")
def test_a_vm_and_a_disk_live_their_lives_on_ceph_and_leave_nothing(on_ceph: OnCeph) -> None:
    site, customer, change = on_ceph.site, on_ceph.customer, on_ceph.change
    imported = import_image(
        SYSTEM,
        name="on Ceph",
        cluster=on_ceph.cluster,
        file=IDLE_FILE,
        os_name="none",
        default_disk_gib=1,
    )
    site.wait_ready(kind="image")
    body = {
        "name": "on-ceph",
        "image": str(imported.target_id),
        "instance_type": site.small.pk,
        "subnet": customer.subnet,
        "security_group": None,
    }
    vm = change("POST", "/vms", **body)["resources"][0]["id"]
    disk = change("POST", "/disks", name="data", size_gib=10, cluster=str(on_ceph.cluster.pk))["resources"][
        0
    ]["id"]
    change("POST", f"/disks/{disk}/attach", vm=vm)
    change("POST", f"/disks/{disk}/expand", size_gib=12)
    snapshot = change("POST", f"/disks/{disk}/snapshot", name="one")["operation"]["target"]["id"]
    copy = change("POST", f"/disks/{disk}/clone", name="copy")["operation"]["target"]["id"]
    seen = on_ceph.pool.inventory()
    assert seen.of(PoolKind.VOLUME)[disk] == seen.of(PoolKind.VOLUME)[copy] == 12 << 30
    assert snapshot in seen.of(PoolKind.SNAPSHOT)

    # The source of a copy stays until the copy is complete.
    wait_until(lambda: not Disk.objects.get(pk=copy).is_copying, "the copy", seconds=90)

    change("DELETE", f"/vms/{vm}")
    change("POST", f"/disks/{disk}/roll-back", snapshot=snapshot)
    change("DELETE", f"/snapshots/{snapshot}")
    for id in (disk, copy):
        change("DELETE", f"/disks/{id}")
    left = on_ceph.pool.inventory()
    assert (left.of(PoolKind.VOLUME), left.of(PoolKind.SNAPSHOT)) == ({}, {})
    assert left.of(PoolKind.IMAGE).keys() == {str(imported.target_id)}


@pytest.mark.requirement("IM-4")
def test_an_image_is_copied_once_from_files_to_ceph_and_back_and_stays_while_vms_stand_on_it(
    on_ceph: OnCeph,
) -> None:
    site, customer, change = on_ceph.site, on_ceph.customer, on_ceph.change
    before = on_ceph.images()
    body: dict[str, Any] = {
        "instance_type": site.small.pk,
        "subnet": customer.subnet,
        "security_group": None,
        "disk_gib": 1,
    }
    in_files = {**body, "image": str(site.idle.pk), "disk_cluster": str(on_ceph.cluster.pk)}
    # Three at the same moment, and one after them.
    vms = change("POST", "/vms", name="in-ceph", count=3, **in_files)["resources"]
    vms += change("POST", "/vms", name="later", **in_files)["resources"]
    copy = ImageCopy.objects.get(image=site.idle)
    assert (copy.state, Operation.objects.filter(verb="image.copy").count()) == ("ready", 1)
    assert on_ceph.images() - before == {str(copy.pk)}
    assert set(Disk.objects.filter(vm__image=site.idle).values_list("cluster", "image_copy")) == {
        (on_ceph.cluster.pk, copy.pk)
    }
    with pytest.raises(InUse) as refused:
        delete_copy(SYSTEM, site.idle, cluster=on_ceph.cluster.pk)
    assert "in-ceph-1-system" in str(refused.value)

    imported = import_image(SYSTEM, name="from Ceph", cluster=on_ceph.cluster, file=IDLE_FILE)
    site.wait_ready(kind="image")
    from_ceph, files = Image.objects.get(pk=imported.target_id), site.idle.cluster
    _wait_done(copy_image(SYSTEM, from_ceph, cluster=files.pk))
    back = {**body, "image": str(from_ceph.pk), "disk_cluster": str(files.pk)}
    vms += change("POST", "/vms", name="in-files", **back)["resources"]
    for vm in vms:
        change("DELETE", f"/vms/{vm['id']}")
    _wait_done(delete_copy(SYSTEM, site.idle, cluster=on_ceph.cluster.pk))
    _wait_done(delete_image(SYSTEM, from_ceph))
    assert not ImageCopy.objects.exists() and on_ceph.images() == before
    contents = volumes(files, None).observe(files.spec())
    assert set(contents.of(PoolKind.IMAGE)) == {str(site.image.pk), str(site.idle.pk)}


def _wait_done(operation: Operation) -> None:
    wait_until(lambda: _ended(str(operation.pk)), str(operation), seconds=60, every=0.1)
