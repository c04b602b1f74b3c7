"""Pools of the test instance's Ceph cluster, and looking into the volumes in them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import rbd
from onebox.ceph_site import CephSite
from onebox.shell import wait_until

from apps.drivers.errors import DriverError
from apps.drivers.protocols import Volumes
from apps.drivers.rbd.cluster import CephCluster
from apps.drivers.rbd.names import volume_name
from apps.drivers.rbd.volumes import RbdVolumes
from apps.drivers.specs import ImageSpec, PoolInventory, PoolKey, PoolKind, PoolSpec, VolumeSpec
from tests.drivers.samples import DATA_AT, new_id

USER = "tests"


@dataclass
class CephPool:
    """A pool of its own and a key for it."""

    spec: PoolSpec
    key: str
    cluster: CephCluster = field(init=False)

    def __post_init__(self) -> None:
        self.cluster = CephCluster(self.spec, self.key)

    @property
    def pool_key(self) -> PoolKey:
        return PoolKey(self.spec.id, self.spec.user, self.key)

    @contextmanager
    def opened(self, volume: VolumeSpec) -> Iterator[Any]:
        with self.cluster.use() as context, rbd.Image(context, volume_name(volume.id)) as image:
            yield image

    def write(self, volume: VolumeSpec, byte: int) -> None:
        with self.opened(volume) as image:
            image.write(bytes([byte]) * (64 << 10), DATA_AT)

    def read(self, volume: VolumeSpec, at: int, count: int) -> bytes:
        with self.opened(volume) as image:
            return bytes(image.read(at, count))

    def size_gib(self, volume: VolumeSpec) -> int:
        with self.opened(volume) as image:
            return int(image.size()) >> 30

    def damage(self, volume: VolumeSpec, lost: str) -> None:
        """Leave of a volume what a worker leaves that is killed while it creates it: no header, or a bare entry."""
        name = volume_name(volume.id)
        with self.opened(volume) as image:
            header = f"rbd_header.{image.id()}"
        with self.cluster.use() as context:
            context.remove_object(header)
            if lost == "name":
                context.remove_object(f"rbd_id.{name}")

    def inventory(self) -> PoolInventory:
        return RbdVolumes(self.cluster).inventory(self.spec)

    def trash(self) -> list[str]:
        with self.cluster.use() as context:
            return [entry["name"] for entry in rbd.RBD().trash_list(context)]

    def empty(self) -> None:
        """Delete all there is, as the platform does; nothing may stay."""
        volumes = RbdVolumes(self.cluster)
        held = volumes.observe(self.spec)
        for id in held.of(PoolKind.VOLUME):
            wait_until(
                partial(self._removed, volumes, id), f"volume {id} to be closed", seconds=60, every=0.5
            )
        for id in held.of(PoolKind.IMAGE):
            volumes.ensure_image_absent(ImageSpec(id, self.spec))
        while volumes.purge():
            pass
        with self.cluster.use() as context:
            assert list(rbd.RBD().list2(context)) == []
        assert self.trash() == []

    def _removed(self, volumes: RbdVolumes, id: str) -> bool:
        """Remove a volume unless it is open: Ceph counts a call that had no answer as a user for half a minute."""
        try:
            volumes.ensure_volume_absent(VolumeSpec(id, self.spec, 1))
        except DriverError as error:
            if error.code != "volumes.volume_in_use":
                raise
            return False
        return True


def make_pool(site: CephSite, name: str) -> CephPool:
    """Make a pool unless there is one, and return it under a new identifier."""
    if name not in {pool["poolname"] for pool in site.ceph("osd", "lspools")}:
        site.ceph("osd", "pool", "create", name, "8", "8", "replicated")
        site.rbd("pool", "init", name)
    caps = ("mon", "profile rbd", "osd", f"profile rbd pool={name}")
    user = f"{USER}-{name}"
    key = site.ceph("auth", "get-or-create", f"client.{user}", *caps)[0]["key"]
    return CephPool(PoolSpec(new_id(), "rbd", name, (site.monitor,), user), key)


class ByPool:
    """Volumes of several pools, each driven by its own driver."""

    def __init__(self, drivers: dict[str, Volumes]) -> None:
        self._drivers = drivers

    def __getattr__(self, verb: str) -> Any:
        def call(spec: Any, *values: Any) -> Any:
            place = getattr(spec, "volume", spec)
            pool = getattr(place, "pool", place)
            return getattr(self._drivers[pool.id], verb)(spec, *values)

        return call
