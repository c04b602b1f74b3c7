"""Reading which snapshots a qcow2 file holds (docs/interop/qcow2 of QEMU), without starting a process.

The file is a guest's that may have taken over its QEMU: everything in it is bounded before it is used.
"""

import os
import struct
from pathlib import Path

from apps.drivers.files.layout import reading
from apps.drivers.files.qcow2 import HEADER, MAGIC

WHERE, WHERE_AT = struct.Struct(">IQ"), 60
ENTRY = struct.Struct(">QIHHIIQII")
SIZE, SIZE_AT = struct.Struct(">Q"), 8
"""Of the disk, in the extra data of an entry."""
MOST_SNAPSHOTS = 4096
MOST_BYTES = 1 << 20
"""Of the table. QEMU takes more; the platform makes some dozens of snapshots of a disk."""
ALIGNMENT = 8


def snapshots_of(path: Path) -> dict[str, int]:
    """Return name → size of the disk in bytes of each snapshot; raise `ValueError` for a file that is damaged."""
    with reading(path) as opened:
        return _read(opened.fileno(), path)


def _read(file: int, path: Path) -> dict[str, int]:
    head = os.pread(file, WHERE_AT + WHERE.size, 0)
    if len(head) < WHERE_AT + WHERE.size or not head.startswith(MAGIC):
        raise ValueError(f"{path} is not a qcow2 file")
    (count, at), now = WHERE.unpack_from(head, WHERE_AT), HEADER.unpack_from(head)[5]
    if count > MOST_SNAPSHOTS or at >= 1 << 62:
        raise ValueError(f"{path} has {count} snapshots")
    table = os.pread(file, MOST_BYTES, at) if count else b""
    found: dict[str, int] = {}
    place = 0
    try:
        for _number in range(count):
            name, size, place = _entry(table, place, now)
            found[name] = size
    except (struct.error, UnicodeDecodeError) as error:
        raise ValueError(f"{path}: its table of snapshots is damaged") from error
    return found


def _entry(table: bytes, at: int, now: int) -> tuple[str, int, int]:
    """Return name, size of the disk, and where the next entry is. `now`: the size for one that does not say."""
    _l1_at, _l1_entries, id_length, name_length, *_times, extra_length = ENTRY.unpack_from(table, at)
    extra = at + ENTRY.size
    size = SIZE.unpack_from(table, extra + SIZE_AT)[0] if extra_length >= SIZE_AT + SIZE.size else now
    start = extra + extra_length + id_length
    end = start + name_length
    if end > len(table):
        raise struct.error("the table ends too early")
    return table[start:end].decode(), size, -(-end // ALIGNMENT) * ALIGNMENT
