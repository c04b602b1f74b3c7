"""Reading what is needed of a qcow2 file without starting a process."""

import fcntl
import os
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, ClassVar

from apps.drivers.files.layout import reading

HEADER = struct.Struct(">4sIQIIQ")
EXTERNAL_DATA_FILE = 1 << 2
FEATURES, FEATURES_AT = struct.Struct(">Q"), 72
"""Incompatible features of version 3 and later."""
EXTENDED_ENTRIES = 1 << 4
LAYOUT = struct.Struct(">4x I 12x I Q I I Q")
OFFSETS, COMPRESSED, ZEROS = 0x00FFFFFFFFFFFE00, 1 << 62, 1
"""Of an entry of a table: where its cluster is, and two kinds that are read otherwise."""
SECTOR = 512
MAGIC = b"QFI\xfb"
FLOCK = struct.Struct("hhqqi4x")
LONGEST_NAME = 1023
"""Of a backing file, by the format. What the header says may be a guest's that has taken over its QEMU."""
LOCK_START, LOCK_BYTES = 100, 200
"""QEMU marks what it may do with an image by locks on these bytes (its block/file-posix.c, RAW_LOCK_PERM_BASE)."""
WRITE_LOCK = LOCK_START + 1
"""Who may write to the image has this byte; who only reads it, as a copying tool does, has the one before it."""


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


@dataclass(frozen=True, slots=True)
class Layout:
    """Where the tables of an image are (docs/interop/qcow2 of QEMU)."""

    cluster: int
    virtual_bytes: int
    encrypted: bool
    l1_entries: int
    l1_at: int
    words: int
    """64-bit words of an entry of the second level."""
    BYTES: ClassVar[int] = 80

    @classmethod
    def of(cls, raw: bytes) -> "Layout | None":
        """Return the layout in a file's first `BYTES`, None when it is not a qcow2 file."""
        if len(raw) < cls.BYTES or not raw.startswith(MAGIC):
            return None
        version, bits, size, method, entries, at = LAYOUT.unpack_from(raw)
        if version not in (2, 3) or not 9 <= bits <= 21:
            return None
        extended = version == 3 and FEATURES.unpack_from(raw, FEATURES_AT)[0] & EXTENDED_ENTRIES
        return cls(1 << bits, size, bool(method), entries, at, 2 if extended else 1)

    def end_of(self, table: Sequence[int], index: int) -> int:
        """Return up to where the file is read for the clusters of the table at `index` of the first level."""
        first, end = index * len(table) // self.words * self.cluster, 0
        for number, entry in enumerate(table[:: self.words]):
            if entry & COMPRESSED:
                shift = 62 - (self.cluster.bit_length() - 1 - 8)
                at, sectors = entry & ((1 << shift) - 1), (entry & (COMPRESSED - 1)) >> shift
                # The last sector may be there in part.
                end = max(end, (at // SECTOR + sectors) * SECTOR + 1)
            elif entry & OFFSETS and not entry & ZEROS:
                left = self.virtual_bytes - (first + number * self.cluster)
                written = self._written(table[number * 2 + 1]) if self.words == 2 else self.cluster
                end = max(end, (entry & OFFSETS) + min(written, left))
        return end

    def _written(self, subclusters: int) -> int:
        """Return up to where a cluster is written of which a bitmap names the parts that are."""
        return (subclusters & 0xFFFFFFFF).bit_length() * self.cluster // 32


def start_of(file: int, count: int) -> bytes:
    """Return the first bytes of the disk in a qcow2 file that `qemu-img convert` has just written: of one cluster."""
    layout = Layout.of(os.pread(file, Layout.BYTES, 0))
    if layout is None or count > layout.cluster:
        raise ValueError("no qcow2 file")
    at = layout.l1_at
    for _level in range(2):
        raw = os.pread(file, 8, at)
        (entry,) = struct.unpack(">Q", raw)
        at = entry & OFFSETS
        if not at or entry & ZEROS:
            return bytes(count)
        if entry & COMPRESSED:
            raise ValueError("compressed")
    return os.pread(file, count, at).ljust(count, b"\0")


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
    return _is_locked(path, LOCK_START, LOCK_BYTES)


def is_written(path: Path) -> bool:
    """Return whether a QEMU has the image open and may write to it; there as in `is_open`."""
    return _is_locked(path, WRITE_LOCK, 1)


def _is_locked(path: Path, start: int, length: int) -> bool:
    wanted = FLOCK.pack(fcntl.F_WRLCK, 0, start, length, 0)
    with reading(path) as file:
        answer = fcntl.fcntl(file.fileno(), fcntl.F_OFD_GETLK, wanted)
    return bool(FLOCK.unpack(answer)[0] != fcntl.F_UNLCK)
