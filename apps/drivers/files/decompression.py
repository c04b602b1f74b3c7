"""Decompressing an image file, confined, and only as far as an image may be large.

A few kilobytes can expand to terabytes. So what is written is bounded by the largest disk, by a multiple of what was
sent, and by the room that is left in the pool.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from apps.drivers import tools
from apps.drivers.errors import DriverError
from apps.drivers.errors import mark as _
from apps.drivers.files.image_lengths import truncated
from apps.drivers.files.qemu_img import name_of, whole_image
from apps.drivers.files.signatures import compression_of
from apps.drivers.files.sources import SLACK_BYTES, owned_by_tools
from apps.drivers.tools import MIB, UNPRIVILEGED_ID, Limits
from apps.drivers.volume_errors import bad_image, no_room

TOOLS = {"gzip": ("gzip", "-dc"), "xz": ("xz", "-dcq", "--memlimit-decompress=256MiB")}
MOST_TIMES = 200
"""So many times what was sent. Zeros expand to 1,000 times by gzip, and to 7,000 by xz; a disk that is in use to 20."""
LEAST_BYTES = 256 * MIB
MAGIC_BYTES = 16
ENDS_TOO_EARLY = ("unexpected end of file", "Unexpected end of input")


@contextmanager
def decompressed(file: int, path: Path, limit_bytes: int) -> Iterator[int]:
    """Give a descriptor of the file as it is without its compression: a new one at `path`, or itself when it has none.

    Raises a permanent `DriverError` when it is damaged, or expands to more than an image may.
    """
    tool = TOOLS.get(compression_of(os.pread(file, MAGIC_BYTES, 0)))
    if tool is None:
        yield file
        return
    plain = owned_by_tools(path)
    try:
        _decompress(tool, file, plain, path, limit_bytes)
        yield plain
    finally:
        os.close(plain)
        path.unlink(missing_ok=True)


def _decompress(tool: tuple[str, ...], file: int, plain: int, path: Path, limit_bytes: int) -> None:
    sent = os.fstat(file).st_size
    most = min(limit_bytes + SLACK_BYTES, max(sent * MOST_TIMES, LEAST_BYTES))
    room = os.statvfs(path.parent)
    free = room.f_bavail * room.f_frsize
    done = tools.run(
        *tool,
        name_of(file),
        limits=_limits(sent, min(most, free)),
        user=UNPRIVILEGED_ID,
        files=(file,),
        output=plain,
    )
    if not done.status:
        return
    written = os.fstat(plain).st_size
    if written >= most:
        raise _too_large(most)
    if written >= free or "No space left" in done.errors:
        raise no_room(most, free)
    raise truncated() if any(words in done.errors for words in ENDS_TOO_EARLY) else _damaged()


def _limits(sent: int, most: int) -> Limits:
    return replace(whole_image(max(sent, most)), file_bytes=most, memory_bytes=512 * MIB)


def _too_large(most: int) -> DriverError:
    return bad_image(
        _("The compressed file expands to more than %(most)s MiB."),
        hint=_("Upload the image as a compressed qcow2 file: qemu-img convert -c -O qcow2."),
        most=most // MIB,
    )


def _damaged() -> DriverError:
    return bad_image(
        _("The compressed file is damaged."), hint=_("Upload the file again and compare its checksum.")
    )
