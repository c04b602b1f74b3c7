"""The `Volumes` driver for Ceph pools."""

from collections.abc import Callable, Collection, Iterable
from contextlib import suppress
from dataclasses import replace
from typing import Any

import rbd

from apps.drivers.bounds import Counter
from apps.drivers.protocols import Guard, Volumes
from apps.drivers.rbd import contents, creating, fencing, health, images, snapshots, trash
from apps.drivers.rbd.cluster import CephCluster
from apps.drivers.rbd.flattening import Flattening, Report
from apps.drivers.rbd.names import unfinished_name, volume_name
from apps.drivers.rbd.opening import open_image
from apps.drivers.specs import (
    CopyProgress,
    ImageInfo,
    ImageSpec,
    PoolInventory,
    PoolKind,
    PoolObservation,
    PoolSpec,
    SnapshotSpec,
    VolumeSpec,
)
from apps.drivers.specs.storage import Part

#: Of this process, whichever cluster it is for.
_flattening = Flattening()


class RbdVolumes:
    """`Volumes` in a Ceph pool: a volume is the RBD image `volume-<id>`, thin over the snapshot `base` of `image-<id>`.

    `guard` is called right before each change. `hosts` gives the volumes as a host reaches them: what takes part in an
    image's import and copy, since only hosts read files.
    """

    def __init__(
        self, cluster: CephCluster, guard: Guard | None = None, hosts: Callable[[], Volumes] | None = None
    ) -> None:
        self._cluster = cluster
        self._guard = guard or (lambda: None)
        self._hosts = hosts

    def ensure_image(self, spec: ImageSpec, source: str) -> ImageInfo:
        return self._image(spec, lambda hosts: hosts.ensure_image(spec, source))

    def ensure_delivered(self, spec: ImageSpec, at: int, data: Part) -> Counter:
        return self._by_host().ensure_delivered(spec, at, data)

    def ensure_image_copy(self, spec: ImageSpec, source: ImageSpec) -> ImageInfo:
        return self._image(spec, lambda hosts: hosts.ensure_image_copy(spec, source))

    def ensure_exported(self, spec: ImageSpec) -> Counter:
        return self._by_host().ensure_exported(spec)

    def read_exported(self, spec: ImageSpec, at: int) -> Part:
        return self._by_host().read_exported(spec, at)

    def ensure_export_absent(self, spec: ImageSpec) -> None:
        self._by_host().ensure_export_absent(spec)

    def ensure_image_from_snapshot(self, spec: ImageSpec, source: SnapshotSpec) -> ImageInfo:
        return self._image(spec, lambda hosts: hosts.ensure_image_from_snapshot(spec, source))

    def _image(self, spec: ImageSpec, write: Callable[[Volumes], ImageInfo]) -> ImageInfo:
        """Have a host write the image under another name, and give it its own when it is whole."""
        with self._cluster.use() as context:
            known = images.info(context, spec)
        if known is None:
            written = write(self._by_host())
            with self._cluster.use() as context:
                images.finish(context, spec, written, self._guard)
                known = written
        with self._cluster.use(long=True) as context:
            images.keep_base(context, spec, self._guard)
        return known

    def ensure_image_absent(self, spec: ImageSpec) -> None:
        with self._cluster.use(long=True) as context:
            images.remove(context, spec, self._guard)

    def ensure_volume(self, spec: VolumeSpec) -> None:
        with self._cluster.use() as context:
            creating.ensure(context, spec, self._guard)

    def ensure_independent(self, spec: VolumeSpec) -> CopyProgress:
        name = volume_name(spec.id)
        with self._cluster.use() as context, snapshots.opened(context, spec, read_only=True) as image:
            size = image.size()
            if not _is_copy(image):
                _flattening.forget(self._job(spec.id))
                return CopyProgress(True, size, size)
        self._guard()
        copy = _flattening.join(self._job(spec.id), lambda report: self._flatten(name, report))
        share = copy.done / copy.total if copy.total else 0.0
        return CopyProgress(False, int(size * share), size)

    def _flatten(self, name: str, report: Report) -> None:
        with self._cluster.use(long=True) as context:
            image = open_image(context, name)
            if image is None:
                return
            # It has no parent any more, or another worker is at it: the next look shows which.
            with image, suppress(rbd.InvalidArgument, rbd.ImageBusy, rbd.ReadOnlyImage):
                image.flatten(on_progress=report)

    def ensure_volume_absent(self, spec: VolumeSpec) -> None:
        name = volume_name(spec.id)
        with self._cluster.use(long=True) as context:
            if not snapshots.remove_all(
                context, spec, self._guard
            ):  # in the trash they would keep it for ever
                return
            self._guard()
            with suppress(rbd.ImageNotFound):
                rbd.RBD().trash_move(context, name)

    def ensure_snapshot(self, spec: SnapshotSpec) -> None:
        self._ensure_monitors_answer()
        with self._cluster.use() as context:
            snapshots.ensure(context, spec, self._guard)

    def ensure_snapshot_absent(self, spec: SnapshotSpec) -> None:
        self._ensure_monitors_answer()
        with self._cluster.use(long=True) as context:
            snapshots.ensure_absent(context, spec, self._guard)

    def ensure_rolled_back(self, spec: SnapshotSpec) -> None:
        with self._cluster.use(long=True) as context:
            snapshots.roll_back(context, spec, self._guard)

    def observe(self, pool: PoolSpec) -> PoolObservation:
        seen = health.look(self._cluster)
        with self._cluster.use() as context:
            return replace(seen, contents=contents.ours(context))

    def inventory(self, pool: PoolSpec) -> PoolInventory:
        with self._cluster.use(long=True) as context:
            return contents.inventory(context)

    def discard_unfinished(self, pool: PoolSpec, kind: PoolKind, id: str, idle_seconds: float) -> None:
        if kind is not PoolKind.IMAGE:
            return  # a volume is whole from the start
        name = unfinished_name(id)
        with self._cluster.use(long=True) as context:
            if contents.idle_seconds(context, name) >= idle_seconds:
                self._guard()
                with suppress(rbd.ImageNotFound):
                    rbd.RBD().trash_move(context, name)

    def fence_clients(self, volumes: Iterable[VolumeSpec], hosts: Collection[str]) -> tuple[str, ...]:
        """Shut out what the machines at these addresses have left of VMs that no longer run there; return the clients.

        For the caller to be sure of: that the VMs are off there, or that nothing may come from these machines any more.
        """
        return fencing.fence(self._cluster, volumes, hosts, self._guard)

    def purge(self) -> int:
        """Remove some of what is in the pool's trash; return how many."""
        with self._cluster.use(long=True) as context:
            return trash.purge(context, self._guard)

    def _ensure_monitors_answer(self) -> None:
        """Raise `volumes.ceph_unreachable` while no monitor answers.

        Snapshots need one. Those of an attached disk are made by QEMU, which waits for it without an end, and so would
        whoever asks QEMU.
        """
        self._cluster.ask("health")

    def _by_host(self) -> Volumes:
        assert self._hosts is not None, "no way to the hosts"
        return self._hosts()

    def _job(self, volume_id: str) -> str:
        return f"{self._cluster.pool.id} {volume_id}"


def _is_copy(image: Any) -> bool:
    """Return whether it still reads from a volume's snapshot. An image that it is thin over stays its parent."""
    try:
        parent = image.get_parent_image_spec()
    except rbd.ImageNotFound:
        return False
    return str(parent["image_name"]).startswith(f"{PoolKind.VOLUME}-")
