"""What a test does to a Ceph cluster that a platform uses, and reads of it beside the platform."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

from onebox.ceph_site import CephSite

from apps.drivers.rbd import fencing
from apps.storage.models import Disk
from apps.storage.specs import volume_spec
from tests.drivers.ceph_pools import CephPool

#: Of an RBD image's data.
OBJECT_BYTES = 4 << 20


class CephTrouble:
    """A Ceph site, and the pool of it that a storage cluster leads to."""

    ceph: CephSite
    pool: CephPool

    def has_checks(self, *codes: str) -> bool:
        """Return whether Ceph itself has these health checks."""
        return set(codes) <= set(self.ceph.ceph("health")["checks"])

    def scatter(self, disk: Disk, objects: int = 40) -> None:
        """Write a little into many objects of a disk in Ceph that nobody has open."""
        with self._ceph_pool() as pool, pool.opened(volume_spec(disk)) as image:
            for number in range(objects):
                image.write(b"x" * 4096, number * OBJECT_BYTES)

    def clients(self, disks: Iterable[Disk]) -> set[str]:
        """Return the addresses of Ceph's clients that have these disks open; those in files have none."""
        with self._ceph_pool() as pool, pool.cluster.use() as context:
            return {client for disk in disks for client in fencing.clients(context, volume_spec(disk))}

    def blocklist(self) -> set[str]:
        """Return the addresses of the clients that Ceph has shut out."""
        return {
            line.split()[0] for line in self.ceph.exec("ceph", "osd", "blocklist", "ls").splitlines() if line
        }

    @contextmanager
    def _ceph_pool(self) -> Iterator[CephPool]:
        """Connect for a moment: a connection that has seen a power cut hangs for a while."""
        pool = CephPool(self.pool.spec, self.pool.key)
        try:
            yield pool
        finally:
            pool.cluster.close()

    @contextmanager
    def quota(self) -> Iterator[Callable[[int], None]]:
        """Give what sets the pool's quota in bytes; there is none in the end."""

        def limit(size: int) -> None:
            self.ceph.exec("ceph", "osd", "pool", "set-quota", self.pool.spec.path, "max_bytes", str(size))

        try:
            yield limit
        finally:
            limit(0)

    @contextmanager
    def slow_rebuild(self) -> Iterator[None]:
        """Have Ceph pause between the objects that it rebuilds: it is over before anybody looks otherwise."""
        option = ("config", "set", "osd", "osd_recovery_sleep")
        self.ceph.exec("ceph", *option, "0.1")
        try:
            yield
        finally:
            self.ceph.exec("ceph", *option, "0")
