"""Reading what is needed of a qcow2 file without starting a process."""

import fcntl
import struct
from pathlib import Path
from typing import BinaryIO

HEADER = struct.Struct(">4sIQIIQ")
MAGIC = b"QFI\xfb"
FLOCK = struct.Struct("hhqqi4x")
LOCK_START, LOCK_BYTES = 100, 200
"""QEMU marks what it may do with an image by locks on these bytes (its block/file-posix.c, RAW_LOCK_PERM_BASE)."""


def virtual_bytes(path: Path) -> int:
    """Return the size of the disk inside a qcow2 file of ours."""
    with path.open("rb") as file:
        return _header(path, file)[2]


def backing_file(path: Path) -> str:
    """Return the name of the file that a qcow2 file is thin over, empty for none."""
    with path.open("rb") as file:
        offset, length, _ = _header(path, file)
        file.seek(offset)
        return file.read(length).decode() if offset else ""


def _header(path: Path, file: BinaryIO) -> tuple[int, int, int]:
    """Return offset and length of the backing file's name, and the virtual size in bytes."""
    raw = file.read(HEADER.size)
    if len(raw) < HEADER.size or not raw.startswith(MAGIC):
        raise ValueError(f"{path} is not a qcow2 file")
    _, _, offset, length, _, size = HEADER.unpack(raw)
    return offset, length, size


def is_open(path: Path) -> bool:
    """Return whether a QEMU has the image open, on this host or (through NFS) on another."""
    wanted = FLOCK.pack(fcntl.F_WRLCK, 0, LOCK_START, LOCK_BYTES, 0)
    with path.open("rb") as file:
        answer = fcntl.fcntl(file.fileno(), fcntl.F_OFD_GETLK, wanted)
    return bool(FLOCK.unpack(answer)[0] != fcntl.F_UNLCK)
