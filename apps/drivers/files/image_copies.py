"""Copying an image from one pool of files to another: it is clean already, so the file itself is copied."""

import os
from pathlib import Path

from apps.drivers.files import qcow2
from apps.drivers.files.layout import image_path, reading
from apps.drivers.files.sources import copy_data, new_file
from apps.drivers.specs import ImageSpec
from apps.drivers.volume_errors import backed_image, missing_image_file, no_room


def copy_image(source: ImageSpec, target: Path) -> None:
    """Copy the file of an image to `target`, which ends in ".partial"."""
    path = image_path(source)
    if not path.exists():
        raise missing_image_file(source)
    with reading(path) as opened:
        original = opened.fileno()
        # Root on another host of that pool may have put anything there.
        header = qcow2.Header.of(os.pread(original, qcow2.Header.BYTES, 0))
        if header is None or header.refers:
            raise backed_image()
        seen, room = os.fstat(original), os.statvfs(target.parent)
        if seen.st_blocks * 512 > room.f_bavail * room.f_frsize:
            raise no_room(seen.st_blocks * 512, room.f_bavail * room.f_frsize)
        copy = new_file(target)
        try:
            copy_data(original, copy, seen.st_size)
        finally:
            os.close(copy)


def how_far(image: Path, source: Path) -> tuple[int, int]:
    """Return how many bytes of `source` have been copied so far, about, and of how many; 0 for unknown."""
    try:
        total = source.lstat().st_blocks * 512
        done = sum(part.stat().st_blocks * 512 for part in image.parent.glob(f"{image.name}.*.partial"))
    except OSError:
        return 0, 0
    return min(done, total), total
