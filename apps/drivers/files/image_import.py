"""Taking in disk images that somebody uploaded, also those compressed by gzip or xz.

An image is refused when it is damaged, when it names any other file (a backing file, an external data file, extents: it
could name a file of the host), when its disk is over the limit, or when nothing could boot from it. What is stored is
always a fresh, self-contained qcow2 file.
"""

import json
import os
import struct
from pathlib import Path
from typing import Any

from apps.drivers.errors import DriverError
from apps.drivers.errors import mark as _
from apps.drivers.files import qcow2, signatures, sources
from apps.drivers.files.boot_record import START_BYTES, need_boot_record, need_whole_disk
from apps.drivers.files.decompression import decompressed
from apps.drivers.files.image_lengths import CONTENT, HEADER, check_length, damaged, truncated
from apps.drivers.files.layout import DELIVERED_SUFFIX, PRIVATE, delivered_path, reading
from apps.drivers.files.qemu_img import QemuImgFailed, name_of, of_strangers, probe, whole_image
from apps.drivers.files.qemu_img import opened as opened_as
from apps.drivers.specs import PoolSpec
from apps.drivers.volume_errors import MAKE_ONE_FILE, backed_image, bad_image, image_too_large

CHECKABLE = frozenset({"qcow2", "vmdk", "vhdx", "vdi"})
ENDS_TOO_EARLY = ("end of file", "end of the file")
"""In what qemu-img says of a VHDX, and of a qcow2 file."""
LONGEST_NOTE = 1024
LEAKS_ONLY, NO_CHECK = 3, 63
"""Exit statuses of `qemu-img check` that are no reason to refuse."""


def import_image(pool: PoolSpec, source: str, target: Path, limit_bytes: int) -> str:
    """Write a clean image to `target` as a qcow2 file that stands alone; return the format it had.

    Raises a permanent `DriverError` for any other file. `target` ends in ".partial", and so does the copy beside it.
    """
    copied = target.with_name(f"{target.stem}.copy.partial")
    with sources.private_copy(pool, source, copied, limit_bytes) as copy:
        return _take(copy, target, limit_bytes)


def import_delivered(delivered: Path, target: Path, limit_bytes: int) -> str:
    """Do the same with a file that the control plane has delivered. It is removed when it is refused for good."""
    try:
        with sources.delivered_file(delivered, limit_bytes) as file:
            return _take(file, target, limit_bytes)
    except DriverError as error:
        if error.permanent:
            delivered.unlink(missing_ok=True)
        raise


def _take(file: int, target: Path, limit_bytes: int) -> str:
    with decompressed(file, target.with_name(f"{target.stem}.plain.partial"), limit_bytes) as plain:
        form, size = _examine(plain, limit_bytes)
        _convert(plain, form, target, size)
    return form


def _examine(file: int, limit_bytes: int) -> tuple[str, int]:
    """Return the format and virtual size in bytes of a clean image; raise a permanent `DriverError` otherwise."""
    form = signatures.format_of(
        signatures.Ends.read(os.fstat(file).st_size, lambda count, at: os.pread(file, count, at))
    )
    if form == "raw":
        start = os.pread(file, START_BYTES, 0)
        need_boot_record(start, known=False)
        need_whole_disk(start, os.fstat(file).st_size)
    try:
        found = probe(file, form)
    except QemuImgFailed as error:
        if error.was_killed:
            raise
        check_length(file, form)
        raise _unreadable(error, HEADER) from error
    _refuse_references(file, found)
    size = int(found["virtual-size"])
    if size > limit_bytes:
        raise image_too_large(size, limit_bytes)
    check_length(file, form)
    _check(file, form)
    return form, size


def _convert(file: int, form: str, target: Path, size: int) -> None:
    written = sources.owned_by_tools(target)
    limits = whole_image(os.fstat(file).st_size, size)
    words = ("convert", "-q", *opened_as(file, form, "-O", "qcow2"), name_of(written))
    try:
        of_strangers(*words, limits=limits, files=(file, written))
        _must_stand_alone(written)
        _must_start(written)
        os.fchown(written, os.geteuid(), os.getegid())
    except QemuImgFailed as error:
        if error.code == "volumes.no_space" or error.was_killed:
            raise
        raise damaged(CONTENT) from error
    finally:
        os.close(written)


def _must_stand_alone(file: int) -> None:
    """What converted it may have been taken over by the image; VMs would read whatever file it names."""
    header = qcow2.Header.of(os.pread(file, qcow2.Header.BYTES, 0))
    if header is None or header.refers:
        raise bad_image(_("The image refers to another file."))


def _must_start(file: int) -> None:
    try:
        start = qcow2.start_of(file, START_BYTES)
    except (ValueError, struct.error) as error:
        raise damaged(CONTENT) from error
    need_boot_record(start, known=True)


def how_far(image: Path, source: Path | None) -> tuple[int, int]:
    """Return how many bytes of `source` have been taken in as `image` so far, about, and of how many; 0 for unknown.

    Each is written twice: to the private copy, and from there to the image. One that was delivered (None) needs no
    private copy.
    """
    try:
        total = (source or delivered_path(image)).lstat().st_blocks * 512
        parts = [
            part
            for part in image.parent.glob(f"{image.name}.*.partial")
            if not part.name.endswith(DELIVERED_SUFFIX)
        ]
        done = sum(part.stat().st_blocks * 512 for part in parts) // (2 if source else 1)
    except OSError:
        return 0, 0
    return min(done, total), total


def _refuse_references(file: int, found: dict[str, Any]) -> None:
    if found.get("backing-filename") or found.get("full-backing-filename"):
        raise backed_image()
    details = found.get("format-specific", {}).get("data", {})
    if details.get("data-file"):
        raise bad_image(_("The image stores its data in another file."), hint=MAKE_ONE_FILE)
    for extent in details.get("extents", ()):
        if extent.get("filename", "") != name_of(file):
            raise bad_image(_("The image stores its data in another file."), hint=MAKE_ONE_FILE)


def _check(file: int, form: str) -> None:
    if form not in CHECKABLE:
        return
    limits = whole_image(os.fstat(file).st_size)
    try:
        of_strangers("check", "-q", "-f", form, name_of(file), limits=limits, files=(file,))
    except QemuImgFailed as error:
        if error.was_killed:
            raise
        if error.status not in (LEAKS_ONLY, NO_CHECK):
            raise _unreadable(error, CONTENT) from error


def _unreadable(error: QemuImgFailed, message: str) -> DriverError:
    return truncated() if any(words in error.message for words in ENDS_TOO_EARLY) else damaged(message)


def write_format(path: Path, form: str) -> None:
    """Keep beside the image what it was before its conversion."""
    path.unlink(missing_ok=True)
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, PRIVATE)
    with os.fdopen(file, "w") as written:
        json.dump({"source_format": form}, written)


def read_format(path: Path) -> str:
    """Return what `write_format` kept."""
    try:
        with reading(path) as file:
            return str(json.loads(file.read(LONGEST_NOTE))["source_format"])
    except (OSError, ValueError, KeyError) as error:
        raise DriverError(
            _("Cannot read %(path)s, which records the image’s original format."),
            values={"path": path},
            code="volumes.failed",
        ) from error
