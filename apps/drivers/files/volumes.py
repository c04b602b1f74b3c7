"""The `Volumes` driver for directories."""

import logging
import os
from pathlib import Path

from apps.drivers.errors import DriverError
from apps.drivers.files import image_import, qcow2, qemu_img
from apps.drivers.files.layout import (
    BASE,
    PRIVATE,
    SUFFIX,
    appearing,
    base_path,
    folder,
    ids_in,
    image_path,
    remove_partials,
    sync,
    unfinished_in,
    volume_path,
)
from apps.drivers.ids import checked_id
from apps.drivers.specs import (
    ImageInfo,
    ImageSpec,
    PoolInventory,
    PoolKind,
    PoolObservation,
    PoolSpec,
    Unfinished,
    VolumeSpec,
)
from apps.drivers.volume_errors import image_in_use, missing_image, strange_volume, volume_in_use

log = logging.getLogger(__name__)
GIB = 1 << 30
DEFAULT_LIMIT = 2048 * GIB


class FileVolumes:
    """`Volumes` in a directory: `volumes/<id>.qcow2` thin over `images/<id>.qcow2`.

    Files appear under their names only when they are whole, so a run killed at any point leaves nothing but `*.partial`
    files, which the next run for the same volume or image removes.
    """

    def __init__(self, *, image_limit_bytes: int = DEFAULT_LIMIT) -> None:
        self._limit = image_limit_bytes

    def ensure_image(self, spec: ImageSpec, source: str) -> ImageInfo:
        path = image_path(spec)
        if path.exists():
            remove_partials(path)  # a run killed after it gave the file its name
        else:
            with appearing(path) as partial:
                form = image_import.import_image(spec.pool, source, partial, self._limit)
                partial.chmod(BASE)
                image_import.write_format(_about(path), form)
                sync(_about(path))
        return ImageInfo(
            virtual_bytes=qcow2.virtual_bytes(path),
            stored_bytes=path.stat().st_blocks * 512,
            source_format=image_import.read_format(_about(path)),
        )

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
        if qcow2.references(path) != _backing(spec):
            # Its QEMU may have written anything into it, and qemu-img, which runs as root, would follow it.
            raise strange_volume(spec.id)
        qemu_img.resize(path, size)

    def ensure_volume_absent(self, spec: VolumeSpec) -> None:
        path = volume_path(spec)
        remove_partials(path)
        if not os.path.lexists(path):
            return
        if qcow2.is_open(path):
            raise volume_in_use(spec.id)
        path.unlink(missing_ok=True)

    def observe(self, pool: PoolSpec) -> PoolObservation:
        contents = {kind: tuple(ids_in(_folder(pool, kind))) for kind in PoolKind}
        room = os.statvfs(pool.path)
        return PoolObservation(
            capacity_bytes=room.f_blocks * room.f_frsize,
            used_bytes=(room.f_blocks - room.f_bavail) * room.f_frsize,
            contents=contents,
        )

    def inventory(self, pool: PoolSpec) -> PoolInventory:
        folders = {kind: _folder(pool, kind) for kind in PoolKind}
        return PoolInventory(
            sizes={kind: _sizes(path) for kind, path in folders.items()},
            unfinished=tuple(
                Unfinished(kind, id, idle)
                for kind, path in folders.items()
                for id, idle in sorted(unfinished_in(path).items())
            ),
        )

    def discard_unfinished(self, pool: PoolSpec, kind: PoolKind, id: str, idle_seconds: float) -> None:
        where = _folder(pool, kind)
        if unfinished_in(where).get(checked_id(id), 0.0) >= idle_seconds:
            remove_partials(where / f"{id}{SUFFIX}")

    def _make(self, spec: VolumeSpec, path: Path, size: int) -> None:
        image = base_path(spec)
        if image is not None:
            if not image.exists():
                raise missing_image(spec)
            size = max(size, qcow2.virtual_bytes(image))
        with appearing(path) as partial:
            qemu_img.create(partial, size, _backing(spec))
            partial.chmod(PRIVATE)


def _folder(pool: PoolSpec, kind: PoolKind) -> Path:
    return folder(pool, f"{kind}s")


def _sizes(path: Path) -> dict[str, int]:
    """Return identifier → size of the disk inside, 0 for a file that is damaged."""
    found: dict[str, int] = {}
    for id in ids_in(path):
        try:
            found[id] = qcow2.virtual_bytes(path / f"{id}{SUFFIX}")
        except FileNotFoundError:
            continue
        except (ValueError, OSError, DriverError):
            found[id] = 0
    return found


def _backing(spec: VolumeSpec) -> str:
    """Return what a volume's header names as its backing file."""
    image = base_path(spec)
    return f"../images/{image.name}" if image is not None else ""


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
