"""Giving an image's file out in parts, for an administrator to download: it is one clean qcow2 file already."""

import os
from pathlib import Path

from apps.drivers.errors import DriverError
from apps.drivers.errors import mark as _
from apps.drivers.files import qcow2
from apps.drivers.files.layout import image_path, reading
from apps.drivers.specs import ImageSpec
from apps.drivers.specs.storage import MOST_PART_BYTES
from apps.drivers.volume_errors import backed_image, missing_image_file


def length(spec: ImageSpec) -> int:
    """Return how many bytes the image's file has. Raises DriverError for one that refers to another file."""
    path = image_path(spec)
    try:
        with reading(path) as opened:
            # Root on another host of that pool may have put anything there.
            header = qcow2.Header.of(opened.read(qcow2.Header.BYTES))
            if header is None or header.refers:
                raise backed_image()
            return os.fstat(opened.fileno()).st_size
    except FileNotFoundError as error:
        raise missing_image_file(spec) from error


def read_image(spec: ImageSpec, at: int) -> bytes:
    """Return a part of the image's file."""
    try:
        return read_part(image_path(spec), at)
    except FileNotFoundError as error:
        raise missing_image_file(spec) from error


def read_part(path: Path, at: int) -> bytes:
    """Return a part of a plain file. Raises FileNotFoundError."""
    with reading(path) as opened:
        return os.pread(opened.fileno(), MOST_PART_BYTES, max(at, 0))


def export_lost() -> DriverError:
    """The file that was made of an image to be read is gone from its host."""
    return DriverError(
        _("The exported image file is no longer on the host."),
        code="volumes.export_lost",
        hint=_("The platform exports the image again automatically."),
    )
