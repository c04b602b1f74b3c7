"""Looking for what a computer's firmware starts from, and for the end of the disk by its partition table."""

import struct

from apps.drivers.errors import DriverError
from apps.drivers.errors import mark as _
from apps.drivers.files.image_lengths import truncated
from apps.drivers.files.signatures import SECTOR
from apps.drivers.volume_errors import bad_image

START_BYTES = 9 * SECTOR
"""Holds an MBR, and a GPT of either size of sectors."""
SIGNATURE, GPT = b"\x55\xaa", b"EFI PART"
GPT_AT = (SECTOR, 8 * SECTOR)
PARTITIONS_AT, PARTITION = 446, struct.Struct("<B3xB3xII")
PROTECTIVE = 0xEE


def need_boot_record(start: bytes, *, known: bool) -> None:
    """Raise a permanent `DriverError` when nothing starts from a disk; `known`: its file has a known format."""
    if start[510:512] == SIGNATURE or any(start.startswith(GPT, at) for at in GPT_AT):
        return
    if known or not any(start):
        raise no_boot_record()
    raise bad_image(_("The file has neither a known image format nor a boot record (MBR or GPT)."))


def no_boot_record() -> DriverError:
    """Return the refusal of a disk that is blank, or holds data only."""
    return bad_image(
        _("The disk has no boot record (MBR or GPT). A VM cannot start from it."),
        hint=_("Import a disk with an installed operating system."),
    )


def need_whole_disk(start: bytes, size: int) -> None:
    """Raise a permanent `DriverError` when the partition table of a raw disk goes on behind its end."""
    sectors = size // SECTOR
    if start.startswith(GPT, SECTOR):
        if size < 2 * SECTOR:
            raise truncated()
        (backup,) = struct.unpack_from("<Q", start, SECTOR + 32)
        if backup >= sectors:
            raise truncated()
        return
    entries = [PARTITION.unpack_from(start, PARTITIONS_AT + 16 * number) for number in range(4)]
    if any(status not in (0, 0x80) for status, *_rest in entries):
        return  # no partition table: the boot sector of a file system
    if any(first + count > sectors for _status, kind, first, count in entries if kind not in (0, PROTECTIVE)):
        raise truncated()
