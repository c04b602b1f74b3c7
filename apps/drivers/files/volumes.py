"""The `Volumes` driver for directories."""

import logging
import os
from pathlib import Path

from apps.drivers.bounds import Counter
from apps.drivers.errors import DriverError
from apps.drivers.files import (
    contents,
    copies,
    deliveries,
    exports,
    image_copies,
    image_import,
    qcow2,
    qemu_img,
    snapshots,
)
from apps.drivers.files.layout import (
    BASE,
    PRIVATE,
    SUFFIX,
    appearing,
    base_path,
    delivered_path,
    folder,
    image_path,
    remove_partials,
    sync,
    unfinished_in,
    volume_path,
)
from apps.drivers.files.snapshots import LiveVolumes, NoLiveVolumes
from apps.drivers.files.volume_files import backing_of, existing_path
from apps.drivers.ids import checked_id
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
from apps.drivers.specs.storage import CAPTURED, DELIVERED, Part
from apps.drivers.volume_errors import image_in_use, missing_image, volume_in_use

log = logging.getLogger(__name__)
GIB = 1 << 30
DEFAULT_LIMIT = 2048 * GIB


class FileVolumes:
    """`Volumes` in a directory: `volumes/<id>.qcow2`, thin over `images/<id>.qcow2`, its snapshots inside it.

    Files appear under their names only when they are whole, so a run killed at any point leaves nothing but `*.partial`
    files, which the next run for the same volume or image removes.
    """

    def __init__(self, *, image_limit_bytes: int = DEFAULT_LIMIT, live: LiveVolumes | None = None) -> None:
        self._limit = image_limit_bytes
        self._live = live or NoLiveVolumes()

    def ensure_image(self, spec: ImageSpec, source: str) -> ImageInfo:
        path = image_path(spec)
        if path.exists():
            remove_partials(path)  # a run killed after it gave the file its name
        else:
            with appearing(path) as partial:
                form = self._import(spec.pool, source, path, partial)
                partial.chmod(BASE)
                image_import.write_format(_about(path), form)
                sync(_about(path))
            delivered_path(path).unlink(missing_ok=True)
        return _info(path)

    def _import(self, pool: PoolSpec, source: str, path: Path, partial: Path) -> str:
        if source == DELIVERED:
            return image_import.import_delivered(delivered_path(path), partial, self._limit)
        return image_import.import_image(pool, source, partial, self._limit)

    def ensure_delivered(self, spec: ImageSpec, at: int, data: Part) -> Counter:
        return deliveries.write(delivered_path(image_path(spec)), at, data)

    def ensure_image_copy(self, spec: ImageSpec, source: ImageSpec) -> ImageInfo:
        path = image_path(spec)
        if path.exists():
            remove_partials(path)
        else:
            with appearing(path) as partial:
                image_copies.copy_image(source, partial)
                partial.chmod(BASE)
                image_import.write_format(_about(path), image_import.read_format(_about(image_path(source))))
                sync(_about(path))
        return _info(path)

    def ensure_exported(self, spec: ImageSpec) -> Counter:
        return exports.length(spec)

    def read_exported(self, spec: ImageSpec, at: int) -> Part:
        return exports.read_image(spec, at)

    def ensure_export_absent(self, spec: ImageSpec) -> None:
        """Nothing to do: the image's own file is read."""

    def ensure_image_from_snapshot(self, spec: ImageSpec, source: SnapshotSpec) -> ImageInfo:
        path = image_path(spec)
        if path.exists():
            remove_partials(path)
        else:
            with appearing(path) as partial:
                copies.copy_to_image(spec.id, source, partial)
                partial.chmod(BASE)
                image_import.write_format(_about(path), CAPTURED)
                sync(_about(path))
        return _info(path)

    def ensure_image_absent(self, spec: ImageSpec) -> None:
        path = image_path(spec)
        if any(_parent(volume) == path.name for volume in folder(spec.pool, "volumes").glob(f"*{SUFFIX}")):
            raise image_in_use(spec)
        remove_partials(path)
        path.unlink(missing_ok=True)
        _about(path).unlink(missing_ok=True)

    def ensure_volume(self, spec: VolumeSpec) -> None:
        path = volume_path(spec)
        size = spec.size_gib * GIB
        if path.exists():
            remove_partials(path)  # a run killed after it gave the file its name
        else:
            self._make(spec, path, size)
        if qcow2.virtual_bytes(path) >= size:
            return
        if qcow2.is_open(path):
            raise volume_in_use(spec.id)
        snapshots.grow(spec, path, size)

    def ensure_independent(self, spec: VolumeSpec) -> CopyProgress:
        size = qcow2.virtual_bytes(existing_path(spec))
        return CopyProgress(done=True, done_bytes=size, total_bytes=size)

    def ensure_volume_absent(self, spec: VolumeSpec) -> None:
        path = volume_path(spec)
        remove_partials(path)
        if not os.path.lexists(path):
            return
        if qcow2.is_open(path):
            raise volume_in_use(spec.id)
        path.unlink(missing_ok=True)

    def ensure_snapshot(self, spec: SnapshotSpec) -> None:
        snapshots.ensure(spec, self._live)

    def ensure_snapshot_absent(self, spec: SnapshotSpec) -> None:
        path = volume_path(spec.volume)
        if path.exists():
            snapshots.ensure_absent(spec, self._live, path)

    def ensure_rolled_back(self, spec: SnapshotSpec) -> None:
        snapshots.roll_back(spec)

    def observe(self, pool: PoolSpec) -> PoolObservation:
        return contents.observe(pool)

    def inventory(self, pool: PoolSpec) -> PoolInventory:
        return contents.inventory(pool)

    def discard_unfinished(self, pool: PoolSpec, kind: PoolKind, id: str, idle_seconds: float) -> None:
        if kind not in contents.FILES:
            return
        where = contents.folder_of(pool, kind)
        if unfinished_in(where).get(checked_id(id), 0.0) >= idle_seconds:
            remove_partials(where / f"{id}{SUFFIX}")

    def _make(self, spec: VolumeSpec, path: Path, size: int) -> None:
        if spec.source is not None:
            with appearing(path) as partial:
                copies.copy_snapshot(spec, spec.source, partial)
                partial.chmod(PRIVATE)
            return
        image = base_path(spec)
        if image is not None:
            if not image.exists():
                raise missing_image(spec)
            size = max(size, qcow2.virtual_bytes(image))
        with appearing(path) as partial:
            qemu_img.create(partial, size, backing_of(spec))
            partial.chmod(PRIVATE)


def _info(image: Path) -> ImageInfo:
    return ImageInfo(
        virtual_bytes=qcow2.virtual_bytes(image),
        stored_bytes=image.stat().st_blocks * 512,
        source_format=image_import.read_format(_about(image)),
    )


def _about(image: Path) -> Path:
    return image.with_suffix(".json")


def _parent(volume: Path) -> str:
    """Return the file name of the image a volume was made from, empty for none or for a file that does not say.

    A file that is damaged, or that a guest's QEMU has written over, keeps no image of other tenants from being deleted.
    """
    try:
        return Path(qcow2.backing_file(volume)).name
    except (FileNotFoundError, ValueError):
        return ""
    except DriverError as error:
        log.warning("%s", error.message)
        return ""
