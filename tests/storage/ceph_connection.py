"""Connecting the test instance's Ceph cluster to the platform, and leaving nothing in it."""

from __future__ import annotations

from onebox import ceph_cluster
from onebox.ceph_site import CephSite
from onebox.shell import wait_until

from apps.compute.models import Vm
from apps.drivers.specs import PoolSpec
from apps.infrastructure.models import GivenPoolKey, StorageCluster
from apps.infrastructure.services.storage_clusters import create_storage_cluster
from apps.lifecycle.actor import SYSTEM
from tests.drivers.ceph_pools import CephPool
from tests.real_site import RealSite


def connect(site: RealSite, ceph: CephSite) -> tuple[StorageCluster, CephPool]:
    """Connect the test instance's Ceph cluster, and wait until the hosts have its key."""
    access = ceph_cluster.access(ceph)
    region = site.image.region
    assert region is not None
    cluster = create_storage_cluster(
        SYSTEM,
        region,
        "ceph",
        driver="rbd",
        path=access.pool,
        monitors=[access.monitor],
        user=access.user,
        key=access.key,
    )
    spec = PoolSpec(str(cluster.pk), "rbd", access.pool, (access.monitor,), access.user)
    wait_until(lambda: GivenPoolKey.objects.count() == len(site.box.hosts), "the hosts' keys", seconds=60)
    return cluster, CephPool(spec, access.key)


def disconnect(site: RealSite, pool: CephPool) -> None:
    """End the VMs, which have the pool's volumes open, and empty the pool."""
    for host in site.box.hosts:
        for vm in Vm.objects.all():
            host.exec("virsh", "destroy", f"vm-{vm.pk}", check=False)
            host.exec("virsh", "undefine", f"vm-{vm.pk}", check=False)
    pool.empty()
