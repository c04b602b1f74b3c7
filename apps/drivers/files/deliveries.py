"""Files that come from the control plane in parts, for an image to be made of them."""

import os
import stat
import time
from pathlib import Path

from apps.drivers.files.layout import DELIVERED_SUFFIX, EXPORTED_SUFFIX, PRIVATE
from apps.drivers.volume_errors import not_plain

FORGOTTEN_SECONDS = 86400
"""So long after its last part a file is removed from a directory that no reconciliation looks at."""


def write(path: Path, at: int, data: bytes) -> int:
    """Write a part at an offset and return how long the file is; see `Volumes.ensure_delivered`.

    It is on the disk before that is said, so that after a power cut nobody goes on behind a hole.
    """
    if not data and not path.exists():
        return 0
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, PRIVATE)
    try:
        seen = os.fstat(file)
        if not stat.S_ISREG(seen.st_mode) or seen.st_nlink != 1:
            raise not_plain(path)
        if not data or at > seen.st_size:
            return seen.st_size
        if at == 0:
            os.ftruncate(file, 0)
        _write_all(file, at, data)
        os.fdatasync(file)
        return os.fstat(file).st_size
    finally:
        os.close(file)


def _write_all(file: int, at: int, data: bytes) -> None:
    left = memoryview(data)
    while left:
        written = os.pwrite(file, left, at)
        left, at = left[written:], at + written


def remove_forgotten(directory: Path) -> None:
    """Remove files of which no part has come, or been read, for a day."""
    for pattern in (f"*{DELIVERED_SUFFIX}", f"*{EXPORTED_SUFFIX}*"):
        for path in directory.glob(pattern):
            if time.time() - path.lstat().st_mtime > FORGOTTEN_SECONDS:
                path.unlink(missing_ok=True)
