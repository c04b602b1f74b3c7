"""Taking in disk images that somebody uploaded.

An image is refused when it is damaged, when it names any other file (a backing file, an external data file, extents: it
could name a file of the host), when its disk is over the limit, or when nothing could boot from it. What is stored is
always a fresh, self-contained qcow2 file.
"""

import json
from pathlib import Path
from typing import Any

from apps.drivers.errors import DriverError
from apps.drivers.errors import mark as _
from apps.drivers.files.qemu_img import (
    CONVERT_SECONDS,
    PROBE_LIMITS,
    SLOWEST_BYTES_PER_SECOND,
    QemuImgFailed,
    probe,
    qemu_img,
)
from apps.drivers.specs.storage import IMAGE_FORMATS
from apps.drivers.volume_errors import bad_image, image_too_large, missing_source

CHECKABLE = frozenset({"qcow2", "vmdk", "vhdx", "vdi"})
BOOT_SIGNATURE = b"\x55\xaa"
LEAKS_ONLY, NO_CHECK = 3, 63
"""Exit statuses of `qemu-img check` that are no reason to refuse."""


def examine(source: Path, limit_bytes: int) -> tuple[str, int]:
    """Return the format and virtual size in bytes of a clean image; raise a permanent `DriverError` otherwise."""
    if not source.is_absolute() or not source.is_file():
        raise missing_source(str(source))
    try:
        found = probe(source)
    except QemuImgFailed as error:
        raise bad_image("its header is damaged") from error
    form, size = str(found["format"]), int(found["virtual-size"])
    if form not in IMAGE_FORMATS:
        raise bad_image(f"its format {form} is not accepted")
    if form == "raw":
        _need_boot_record(source)
    _refuse_references(source, found)
    if size > limit_bytes:
        raise image_too_large(size, limit_bytes)
    _check(source, form)
    return form, size


def convert(source: Path, form: str, target: Path) -> None:
    """Write `source` to `target` as a qcow2 file that stands alone."""
    try:
        qemu_img("convert", "-q", "-f", form, "-O", "qcow2", source, target, seconds=_patience(source))
    except QemuImgFailed as error:
        if error.code == "volumes.no_space" or error.was_killed:
            raise
        raise bad_image("it could not be read to its end") from error


def how_far(image: Path, source: Path) -> tuple[int, int]:
    """Return how many bytes of `source` have been copied to `image` so far, about, and of how many; 0 for unknown."""
    try:
        total = source.stat().st_blocks * 512
        parts = image.parent.glob(f"{image.name}.*.partial")
        done = sum(part.stat().st_blocks * 512 for part in parts)
    except OSError:
        return 0, 0
    return min(done, total), total


def _patience(source: Path) -> float:
    """Return how many seconds reading a whole image may take."""
    return max(CONVERT_SECONDS, source.stat().st_size / SLOWEST_BYTES_PER_SECOND)


def _need_boot_record(source: Path) -> None:
    """Anything passes for a raw image; a disk that boots has this signature, with an MBR and with a GPT."""
    with source.open("rb") as file:
        file.seek(510)
        signature = file.read(2)
    if signature != BOOT_SIGNATURE:
        raise bad_image("it has neither a known image format nor a boot record")


def _refuse_references(source: Path, found: dict[str, Any]) -> None:
    if found.get("backing-filename") or found.get("full-backing-filename"):
        raise bad_image("it refers to a backing file")
    details = found.get("format-specific", {}).get("data", {})
    if details.get("data-file"):
        raise bad_image("it keeps its data in another file")
    for extent in details.get("extents", ()):
        if Path(extent.get("filename", "")) != source:
            raise bad_image("it keeps its data in another file")


def _check(source: Path, form: str) -> None:
    if form not in CHECKABLE:
        return
    try:
        qemu_img("check", "-q", "-f", form, source, seconds=_patience(source), limits=PROBE_LIMITS[:2])
    except QemuImgFailed as error:
        if error.was_killed:
            raise
        if error.status not in (LEAKS_ONLY, NO_CHECK):
            raise bad_image("its contents are damaged") from error


def write_format(path: Path, form: str) -> None:
    """Keep beside the image what it was before its conversion."""
    path.write_text(json.dumps({"source_format": form}))


def read_format(path: Path) -> str:
    """Return what `write_format` kept."""
    try:
        return str(json.loads(path.read_text())["source_format"])
    except (OSError, ValueError, KeyError) as error:
        raise DriverError(_("%(path)s is damaged."), values={"path": path}, code="volumes.failed") from error
