"""One host's heartbeat in a pool of files: a small file of its own, written in place and read by its peers.

Readers time its changes by their own clocks, so the hosts' clocks do not matter. One write, not a rename: a directory
on a server that is slow costs nothing beyond it.
"""

import os
import stat

from apps.drivers.files.layout import folder
from apps.drivers.specs import PoolSpec

FOLDER = "heartbeats"
BYTES = 512
_WRITING = os.O_WRONLY | os.O_CREAT | os.O_DSYNC | os.O_NOFOLLOW | os.O_CLOEXEC
_READING = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


def renew(pool: PoolSpec, host: str, mark: str) -> None:
    """Write a host's heartbeat. Raises OSError or DriverError; may hang as long as the pool does."""
    file = os.open(folder(pool, FOLDER) / host, _WRITING, 0o600)
    try:
        os.pwrite(file, mark.encode().ljust(BYTES)[:BYTES], 0)
    finally:
        os.close(file)


def look(pool: PoolSpec, host: str) -> bytes:
    """Return what a host's heartbeat holds, b"" when it has none. Raises OSError or DriverError."""
    try:
        file = os.open(folder(pool, FOLDER) / host, _READING)
    except FileNotFoundError:
        return b""
    try:
        # Whoever is root on another host may have put a device or a pipe here.
        return os.pread(file, BYTES, 0) if stat.S_ISREG(os.fstat(file).st_mode) else b""
    finally:
        os.close(file)
