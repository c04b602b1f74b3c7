"""What must hold of a volume's file before a tool works on it."""

import struct
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from apps.drivers.errors import DriverError
from apps.drivers.files import qcow2
from apps.drivers.files.layout import SUFFIX, base_path, volume_path
from apps.drivers.files.snapshot_table import snapshots_of
from apps.drivers.ids import checked_id
from apps.drivers.specs import VolumeSpec
from apps.drivers.volume_errors import damaged_volume, missing_volume, strange_volume

T = TypeVar("T")
IMAGES = "../images/"


def existing_path(spec: VolumeSpec) -> Path:
    """Return the file of a volume; raise `DriverError` when there is none."""
    path = volume_path(spec)
    if not path.exists():
        raise missing_volume(spec)
    return path


def backing_of(spec: VolumeSpec) -> str:
    """Return what a volume's header names as its backing file."""
    image = base_path(spec)
    return f"{IMAGES}{image.name}" if image is not None else ""


def need_own_header(spec: VolumeSpec, path: Path) -> None:
    """Raise `DriverError` for a volume that refers to another file than it was made with: its QEMU may have done it."""
    if _read(spec.id, lambda: qcow2.references(path)) != backing_of(spec):
        raise strange_volume(spec.id)


def image_in_header(volume_id: str, path: Path) -> str | None:
    """Return the image that a volume's header says it is thin over, None for none; an image of its pool, or refuse."""
    name = _read(volume_id, lambda: qcow2.references(path))
    if not name:
        return None
    image = name.removeprefix(IMAGES).removesuffix(SUFFIX)
    try:
        if name == f"{IMAGES}{checked_id(image)}{SUFFIX}":
            return image
    except DriverError as error:
        raise strange_volume(volume_id) from error
    raise strange_volume(volume_id)


def snapshots_in(volume_id: str, path: Path) -> dict[str, int]:
    """Return identifier → size of the disk in bytes of the snapshots in a volume's file."""
    return _read(volume_id, lambda: snapshots_of(path))


def _read(volume_id: str, read: Callable[[], T]) -> T:
    try:
        return read()
    except (ValueError, struct.error) as error:
        raise damaged_volume(volume_id) from error
