"""Opening a file that is to be imported, and making a private copy of it.

Whoever may write to the import directory must not choose another file of the host by a link, nor change the file
between its check and its use. So the file is opened beneath that directory without following any link, must be a plain
file with that one name, and what is checked and converted is a copy that nobody else can reach.
"""

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from apps.drivers.errors import DriverError
from apps.drivers.errors import mark as _
from apps.drivers.files.layout import reading
from apps.drivers.specs import PoolSpec
from apps.drivers.specs.storage import IMPORTS
from apps.drivers.tools import UNPRIVILEGED_ID
from apps.drivers.volume_errors import delivery_lost, image_too_large, missing_source, refused_source

CHUNK = 16 << 20
SLACK_BYTES = 1 << 30
"""What an image file may have beyond the largest disk: its tables."""


@contextmanager
def private_copy(pool: PoolSpec, source: str, path: Path, limit_bytes: int) -> Iterator[int]:
    """Give a descriptor of a copy of `source` at `path`, which belongs to the tools that read strangers' files."""
    with _opened(pool, source) as original:
        size = os.fstat(original).st_size
        if size > limit_bytes + SLACK_BYTES:
            raise image_too_large(size, limit_bytes)
        copy = owned_by_tools(path)
        try:
            before = _version(original)
            copy_data(original, copy, size)
            if _version(original) != before:
                raise _changed(source)
            yield copy
        finally:
            os.close(copy)
            path.unlink(missing_ok=True)


@contextmanager
def delivered_file(path: Path, limit_bytes: int) -> Iterator[int]:
    """Give a descriptor of a file that the control plane has delivered, which the tools may read from now on."""
    try:
        with reading(path) as file:
            descriptor = file.fileno()
            size = os.fstat(descriptor).st_size
            if size > limit_bytes + SLACK_BYTES:
                raise image_too_large(size, limit_bytes)
            os.fchown(descriptor, UNPRIVILEGED_ID, UNPRIVILEGED_ID)
            yield descriptor
    except FileNotFoundError as error:
        raise delivery_lost() from error


def owned_by_tools(path: Path) -> int:
    """Make a file that the unprivileged tools may read and write by its descriptor, which is returned."""
    file = new_file(path)
    os.fchown(file, UNPRIVILEGED_ID, UNPRIVILEGED_ID)
    return file


def new_file(path: Path) -> int:
    """Make a file that only root may read and write, and return its descriptor."""
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)


@contextmanager
def _opened(pool: PoolSpec, source: str) -> Iterator[int]:
    """Open a plain file beneath the pool's import directory; no part of its name below the pool may be a link."""
    parts = _parts(pool, source)
    held = [os.open(pool.path, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)]
    try:
        for part in parts[:-1]:
            flags = os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
            held.append(os.open(part, flags, dir_fd=held[-1]))
        # Opened as a mere name first: opening a device or a FIFO for reading does something already.
        held.append(os.open(parts[-1], os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=held[-1]))
        seen = os.fstat(held[-1])
        if not stat.S_ISREG(seen.st_mode) or seen.st_nlink != 1:
            raise refused_source(source)
        held.append(os.open(f"/proc/self/fd/{held[-1]}", os.O_RDONLY | os.O_CLOEXEC))
        yield held[-1]
    except FileNotFoundError as error:
        raise missing_source(source) from error
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.ENOTDIR):
            raise refused_source(source) from error
        raise
    finally:
        for file in reversed(held):
            os.close(file)


def _parts(pool: PoolSpec, source: str) -> tuple[str, ...]:
    try:
        parts = PurePosixPath(source).relative_to(pool.path).parts
    except ValueError as error:
        raise refused_source(source) from error
    if len(parts) < 2 or parts[0] != IMPORTS or ".." in parts or "\0" in source:
        raise refused_source(source)
    return parts


def copy_data(original: int, copy: int, size: int) -> None:
    """Copy what is written; holes stay holes, and a file system that can shares the blocks."""
    os.ftruncate(copy, size)
    at = 0
    while at < size:
        try:
            at = os.lseek(original, at, os.SEEK_DATA)
        except OSError as error:
            if error.errno == errno.ENXIO:  # nothing but a hole is left
                return
            raise
        end = os.lseek(original, at, os.SEEK_HOLE)
        while at < min(end, size):
            copied = _copy_some(original, copy, at, min(end, size) - at)
            if not copied:
                return
            at += copied


def _copy_some(original: int, copy: int, at: int, count: int) -> int:
    try:
        return os.copy_file_range(original, copy, min(count, CHUNK), at, at)
    except OSError as error:
        if error.errno not in (errno.EXDEV, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL):
            raise
    return os.pwrite(copy, os.pread(original, min(count, CHUNK), at), at)


def _version(file: int) -> tuple[int, ...]:
    seen = os.fstat(file)
    return seen.st_size, seen.st_mtime_ns, seen.st_ctime_ns, seen.st_nlink


def _changed(source: str) -> DriverError:
    return DriverError(
        _("%(source)s changed during the copy."),
        values={"source": source},
        code="volumes.source_changed",
        hint=_("The copy restarts automatically. Finish writing the file first."),
    )
