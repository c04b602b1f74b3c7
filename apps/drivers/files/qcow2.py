"""Reading what is needed of a qcow2 file without starting a process."""

import fcntl
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, ClassVar

from apps.drivers.files.layout import reading

HEADER = struct.Struct(">4sIQIIQ")
EXTERNAL_DATA_FILE = 1 << 2
FEATURES, FEATURES_AT = struct.Struct(">Q"), 72
"""Incompatible features of version 3 and later."""
MAGIC = b"QFI\xfb"
FLOCK = struct.Struct("hhqqi4x")
LONGEST_NAME = 1023
"""Of a backing file, by the format. What the header says may be a guest's that has taken over its QEMU."""
LOCK_START, LOCK_BYTES = 100, 200
"""QEMU marks what it may do with an image by locks on these bytes (its block/file-posix.c, RAW_LOCK_PERM_BASE)."""


@dataclass(frozen=True, slots=True)
class Header:
    """What is needed of the first bytes; `refers`: whether another file belongs to it."""

    refers: bool
    BYTES: ClassVar[int] = 80

    @classmethod
    def of(cls, raw: bytes) -> "Header | None":
        """Return the header in a file's first `BYTES`, None when it is not a qcow2 file of version 3."""
        if len(raw) < cls.BYTES or not raw.startswith(MAGIC) or HEADER.unpack_from(raw)[1] != 3:
            return None
        (incompatible,) = struct.unpack_from(">Q", raw, 72)
        return cls(refers=HEADER.unpack_from(raw)[2] != 0 or bool(incompatible & EXTERNAL_DATA_FILE))


def virtual_bytes(path: Path) -> int:
    """Return the size of the disk inside a qcow2 file of ours."""
    with reading(path) as file:
        return _header(path, file)[2]


def backing_file(path: Path) -> str:
    """Return the name of the file that a qcow2 file is thin over, empty for none."""
    with reading(path) as file:
        offset, length, _ = _header(path, file)
        if not offset:
            return ""
        if length > LONGEST_NAME:
            raise ValueError(f"{path}: its backing file has a name of {length} bytes")
        file.seek(offset)
        return file.read(length).decode()


def references(path: Path) -> str:
    """Return the backing file a qcow2 file names, or "data file" where its data is in another file."""
    with reading(path) as file:
        version = HEADER.unpack(file.read(HEADER.size))[1]
        file.seek(FEATURES_AT)
        raw = file.read(FEATURES.size)
    if version >= 3 and len(raw) == FEATURES.size and FEATURES.unpack(raw)[0] & EXTERNAL_DATA_FILE:
        return "data file"
    return backing_file(path)


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
    with reading(path) as file:
        answer = fcntl.fcntl(file.fileno(), fcntl.F_OFD_GETLK, wanted)
    return bool(FLOCK.unpack(answer)[0] != fcntl.F_UNLCK)
