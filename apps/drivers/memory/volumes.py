"""The pretend pools."""

import os
import struct

from apps.drivers.bounds import Counter
from apps.drivers.errors import DriverError
from apps.drivers.files.boot_record import need_boot_record
from apps.drivers.files.signatures import HEAD_BYTES, SECTOR, Ends, format_of
from apps.drivers.memory import snapshots
from apps.drivers.memory.fences import pass_or_refuse
from apps.drivers.memory.pools import pool_of
from apps.drivers.memory.records import (
    DELIVERIES,
    DISK_USERS,
    IMAGES,
    UNFINISHED,
    VOLUMES,
    MemoryDelivery,
    MemoryImage,
    State,
)
from apps.drivers.memory.snapshots import CONTENTS, SNAPSHOTS, snapshots_in
from apps.drivers.memory.world import World
from apps.drivers.orders import Fence
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
from apps.drivers.specs.storage import CAPTURED, DELIVERED, MOST_PART_BYTES, Part
from apps.drivers.volume_errors import (
    backed_image,
    delivery_lost,
    image_in_use,
    missing_image,
    missing_image_file,
    missing_source,
    volume_in_use,
)

GIB = 1 << 30
PRETEND_SOURCE = "memory:"
#: Of a pretend image's file: more than one part, and not a whole one at its end.
MOST_FILE_BYTES = 5 * MOST_PART_BYTES // 2
QCOW2_HEADER = struct.Struct(">4sIQIIQ")


class MemoryVolumes:
    """`Volumes` over a `World`.

    An image source is the path of a real file, whose header is looked at, or a path that ends in
    "memory:<virtual bytes>", for a clean image that needs no file.
    """

    def __init__(self, world: World, *, fence: Fence | None = None) -> None:
        self._world = world
        self._fence = fence

    def ensure_image(self, spec: ImageSpec, source: str) -> ImageInfo:
        with self._world.call("volumes.ensure_image") as state:
            pass_or_refuse(state, spec.id, self._fence)
            known = state.get(IMAGES, _key(spec))
            if known is not None:
                return known.info
            refused: DriverError | None = None
            try:
                info = _delivered(state, spec) if source == DELIVERED else _look_at(source)
            except DriverError as error:
                refused = error  # what was delivered goes all the same
            else:
                state.put(IMAGES, _key(spec), MemoryImage(spec, info))
            state.delete(DELIVERIES, _key(spec))
        if refused is not None:
            raise refused
        return info

    def ensure_delivered(self, spec: ImageSpec, at: int, data: Part) -> Counter:
        with self._world.call("volumes.ensure_delivered") as state:
            pass_or_refuse(state, spec.id, self._fence)
            known = state.get(DELIVERIES, _key(spec))
            size = known.size if known else 0
            if not data or at > size:
                return size
            before = known.head[:at] if known and at else b""
            tail = known.tail[: max(len(known.tail) - (size - at), 0)] if known and at else b""
            kept = MemoryDelivery(at + len(data), (before + data)[:HEAD_BYTES], (tail + data)[-SECTOR:])
            state.put(DELIVERIES, _key(spec), kept)
            return kept.size

    def ensure_image_absent(self, spec: ImageSpec) -> None:
        with self._world.call("volumes.ensure_image_absent") as state:
            pass_or_refuse(state, spec.id, self._fence)
            if any(volume.image_id == spec.id for volume in _volumes_in(state, spec.pool).values()):
                raise image_in_use(spec)
            state.delete(IMAGES, _key(spec))
            state.delete(DELIVERIES, _key(spec))

    def ensure_image_copy(self, spec: ImageSpec, source: ImageSpec) -> ImageInfo:
        with self._world.call("volumes.ensure_image_copy") as state:
            pass_or_refuse(state, spec.id, self._fence)
            known = state.get(IMAGES, _key(spec))
            if known is None:
                original = state.get(IMAGES, _key(source))
                if original is None:
                    raise missing_image_file(source)
                known = MemoryImage(spec, original.info, original.content)
                state.put(IMAGES, _key(spec), known)
            return known.info

    def ensure_exported(self, spec: ImageSpec) -> Counter:
        with self._world.call("volumes.ensure_exported") as state:
            pass_or_refuse(state, spec.id, self._fence)
            return len(_as_file(state, spec))

    def read_exported(self, spec: ImageSpec, at: int) -> Part:
        with self._world.call("volumes.read_exported") as state:
            return _as_file(state, spec)[at : at + MOST_PART_BYTES]

    def ensure_export_absent(self, spec: ImageSpec) -> None:
        with self._world.call("volumes.ensure_export_absent") as state:
            pass_or_refuse(state, spec.id, self._fence)

    def ensure_image_from_snapshot(self, spec: ImageSpec, source: SnapshotSpec) -> ImageInfo:
        with self._world.call("volumes.ensure_image_from_snapshot") as state:
            pass_or_refuse(state, spec.id, self._fence)
            known = state.get(IMAGES, _key(spec))
            if known is None:
                kept = snapshots.kept(state, source.volume.id, source.id)
                size = kept.size_gib * GIB
                known = MemoryImage(spec, ImageInfo(size, size, CAPTURED), kept.content)
                state.put(IMAGES, _key(spec), known)
            return known.info

    def ensure_volume(self, spec: VolumeSpec) -> None:
        with self._world.call("volumes.ensure_volume") as state:
            pass_or_refuse(state, spec.id, self._fence)
            known = state.get(VOLUMES, spec.id)
            if known is None:
                if _image_missing(state, spec):
                    raise missing_image(spec)
                if spec.source is not None:
                    spec = snapshots.make_copy(state, spec, self._world.copy_steps)
                elif spec.image_id is not None:
                    state.put(CONTENTS, spec.id, _content(state, ImageSpec(spec.image_id, spec.pool)))
                state.put(VOLUMES, spec.id, spec)
            elif known.size_gib < spec.size_gib:
                if state.get(DISK_USERS, spec.id) is not None:
                    raise volume_in_use(spec.id)
                state.put(VOLUMES, spec.id, spec)

    def ensure_independent(self, spec: VolumeSpec) -> CopyProgress:
        # Without a fence: it goes on in the background beside whatever else is done with the volume.
        with self._world.call("volumes.ensure_independent") as state:
            return snapshots.copy_on(state, spec)

    def ensure_volume_absent(self, spec: VolumeSpec) -> None:
        with self._world.call("volumes.ensure_volume_absent") as state:
            pass_or_refuse(state, spec.id, self._fence)
            if state.get(DISK_USERS, spec.id) is not None:
                raise volume_in_use(spec.id)
            snapshots.forget(state, spec.id)
            state.delete(VOLUMES, spec.id)

    def ensure_snapshot(self, spec: SnapshotSpec) -> None:
        with self._world.call("volumes.ensure_snapshot") as state:
            pass_or_refuse(state, spec.id, self._fence)
            snapshots.take(state, spec)

    def ensure_snapshot_absent(self, spec: SnapshotSpec) -> None:
        with self._world.call("volumes.ensure_snapshot_absent") as state:
            pass_or_refuse(state, spec.id, self._fence)
            state.delete(SNAPSHOTS, spec.id)

    def ensure_rolled_back(self, spec: SnapshotSpec) -> None:
        with self._world.call("volumes.ensure_rolled_back") as state:
            pass_or_refuse(state, spec.id, self._fence)
            snapshots.roll_back(state, spec)

    def observe(self, pool: PoolSpec) -> PoolObservation:
        with self._world.call("volumes.observe") as state:
            volumes, images = _volumes_in(state, pool), _images_in(state, pool)
            used = sum(volume.size_gib * GIB for volume in volumes.values())
            used += sum(image.info.stored_bytes for image in images.values())
            there = pool_of(state, pool)
            return PoolObservation(
                capacity_bytes=there.capacity_bytes,
                used_bytes=used if there.used_bytes is None else there.used_bytes,
                health=there.health,
                contents={
                    PoolKind.VOLUME: tuple(volumes),
                    PoolKind.IMAGE: tuple(images),
                    PoolKind.SNAPSHOT: tuple(snapshots_in(state, pool.id)),
                },
            )

    def inventory(self, pool: PoolSpec) -> PoolInventory:
        with self._world.call("volumes.inventory") as state:
            volumes, images = _volumes_in(state, pool), _images_in(state, pool)
            kept, left = snapshots_in(state, pool.id), state.all(UNFINISHED).items()
            return PoolInventory(
                sizes={
                    PoolKind.VOLUME: {id: volume.size_gib * GIB for id, volume in volumes.items()},
                    PoolKind.IMAGE: {id: image.info.virtual_bytes for id, image in images.items()},
                    PoolKind.SNAPSHOT: {id: each.size_gib * GIB for id, each in kept.items()},
                },
                snapshot_of={id: each.volume_id for id, each in kept.items()},
                unfinished=tuple(thing for key, thing in left if key.startswith(f"{pool.id}/")),
            )

    def discard_unfinished(self, pool: PoolSpec, kind: PoolKind, id: str, idle_seconds: float) -> None:
        key = f"{pool.id}/{kind}/{id}"
        with self._world.call("volumes.discard_unfinished") as state:
            pass_or_refuse(state, id, self._fence)
            left = state.get(UNFINISHED, key)
            if left is not None and left.idle_seconds >= idle_seconds:
                state.delete(UNFINISHED, key)


def _volumes_in(state: State, pool: PoolSpec) -> dict[str, VolumeSpec]:
    return {id: volume for id, volume in state.all(VOLUMES).items() if volume.pool.id == pool.id}


def _images_in(state: State, pool: PoolSpec) -> dict[str, MemoryImage]:
    return {image.spec.id: image for image in state.all(IMAGES).values() if image.spec.pool.id == pool.id}


def _key(spec: ImageSpec) -> str:
    return f"{spec.pool.id}/{spec.id}"


def _as_file(state: State, spec: ImageSpec) -> bytes:
    """Return a file of which the same image would be made, but for what the guest in it sees."""
    known = state.get(IMAGES, _key(spec))
    if known is None:
        raise missing_image_file(spec)
    size = min(max(known.info.stored_bytes, HEAD_BYTES), MOST_FILE_BYTES)
    header = QCOW2_HEADER.pack(b"QFI\xfb", 3, 0, 0, 16, known.info.virtual_bytes)
    return (header + f"{_content(state, spec)}\n".encode()).ljust(size, b"\1")


def _content(state: State, spec: ImageSpec) -> str:
    """Return what a volume thin over an image holds."""
    image = state.get(IMAGES, _key(spec))
    return (image and image.content) or f"image {spec.id}"


def _image_missing(state: State, spec: VolumeSpec) -> bool:
    return spec.image_id is not None and state.get(IMAGES, _key(ImageSpec(spec.image_id, spec.pool))) is None


def _look_at(source: str) -> ImageInfo:
    """Return what an image file's header says; the same refusals as a real import, by a much shorter look."""
    name = os.path.basename(source)
    if name.startswith(PRETEND_SOURCE):
        size = int(name.removeprefix(PRETEND_SOURCE))
        return ImageInfo(virtual_bytes=size, stored_bytes=size, source_format="qcow2")
    try:
        stored = os.path.getsize(source)
        with open(source, "rb") as file:
            ends = Ends.read(stored, lambda count, at: os.pread(file.fileno(), count, at))
    except OSError as error:
        raise missing_source(source) from error
    return _judged(ends)


def _delivered(state: State, spec: ImageSpec) -> ImageInfo:
    """Return the same of a file that was delivered."""
    known = state.get(DELIVERIES, _key(spec))
    if known is None:
        raise delivery_lost()
    return _judged(Ends(known.head, known.tail, known.size))


def _judged(ends: Ends) -> ImageInfo:
    form, head, stored = format_of(ends), ends.head, ends.size
    if form == "qcow2" and len(head) >= QCOW2_HEADER.size:
        _, _, backing, _, _, virtual = QCOW2_HEADER.unpack_from(head)
        if backing:
            raise backed_image()
        return ImageInfo(virtual_bytes=virtual, stored_bytes=stored, source_format=form)
    if form == "raw":
        need_boot_record(head, known=False)
    return ImageInfo(virtual_bytes=stored, stored_bytes=stored, source_format=form)
