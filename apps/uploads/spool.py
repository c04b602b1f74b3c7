"""The directory of the control plane that takes files on their way: uploads, and exports to be downloaded.

Web processes and workers write to it and read it, so all of them must reach it (docs/concepts/images.md). A file is
named by the id of its row alone: nothing that a client sends becomes part of a path.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO
from uuid import UUID

from django.conf import settings

#: Read at once.
CHUNK = 1 << 20
#: So long a file may stand without a row: its row is not committed yet, or was removed a moment ago.
STRAY_SECONDS = 3600


def path_of(upload: UUID) -> Path:
    """Return where the file of an upload is."""
    return directory() / str(upload)


def directory() -> Path:
    """Return the spool, made if it is missing, which nobody else may read."""
    path = Path(settings.UPLOAD_DIR)
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    return path


def free_bytes() -> int:
    """Return the room that is left where the spool is."""
    found = os.statvfs(directory())
    return found.f_bavail * found.f_frsize


def write(upload: UUID, at: int, data: bytes) -> None:
    """Write a part, and wait until it is on the disk: its row will say so. What was behind it is cut off."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
    file = os.open(path_of(upload), flags, 0o600)
    try:
        left = memoryview(data)
        while left:
            written = os.pwrite(file, left, at)
            left, at = left[written:], at + written
        os.ftruncate(file, at)
        os.fdatasync(file)
    finally:
        os.close(file)


@contextmanager
def new_file(export: UUID) -> Iterator[IO[bytes]]:
    """Give a new file that is on the disk once the block has ended well."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    with os.fdopen(os.open(path_of(export), flags, 0o600), "wb") as file:
        yield file
        file.flush()
        os.fdatasync(file.fileno())


def sha256_of(path: Path, size: int, progress: Callable[[int], object]) -> str:
    """Return the digest of the first `size` bytes; `progress` is told how many have been read."""
    digest, done = hashlib.sha256(), 0
    for part in parts_of(path, 0, size):
        digest.update(part)
        done += len(part)
        progress(done)
    return digest.hexdigest()


def parts_of(path: Path, start: int, end: int) -> Iterator[bytes]:
    """Yield what a file holds from one offset to another. Raises FileNotFoundError, or EOFError when it is shorter."""
    with path.open("rb") as file:
        file.seek(start)
        while start < end:
            part = file.read(min(CHUNK, end - start))
            if not part:
                raise EOFError(path)
            start += len(part)
            yield part


def remove(upload: UUID) -> None:
    """Remove the file of an upload or export, if it is there."""
    path_of(upload).unlink(missing_ok=True)


def remove_strays(known: Callable[[Iterable[str]], set[str]]) -> int:
    """Remove old files that belong to no row; `known` returns which of the names do. Returns how many."""
    old = [entry.name for entry in os.scandir(directory()) if _is_old(entry)]
    strays = set(old) - known(old)
    for name in strays:
        (directory() / name).unlink(missing_ok=True)
    return len(strays)


def _is_old(entry: os.DirEntry[str]) -> bool:
    try:
        return time.time() - entry.stat(follow_symlinks=False).st_mtime > STRAY_SECONDS
    except FileNotFoundError:
        return False
