"""Checking that an image file has all the bytes its own tables name: qemu reads what is missing as zeros."""

from __future__ import annotations

import os
import struct
import sys
from array import array

from apps.drivers.errors import DriverError
from apps.drivers.errors import mark as _
from apps.drivers.files import qcow2
from apps.drivers.files.signatures import SECTOR, VHD, encrypted
from apps.drivers.volume_errors import bad_image

VHD_FOOTER = struct.Struct(">8sIIQI4sI4sQQ4sII")
VHD_FIXED, VHD_DYNAMIC = 2, 3
VDI_DATA_AT, VDI_BLOCK_AT, VDI_USED_AT = 344, 376, 388
VMDK = struct.Struct("<4sIIQQQQIQQ")
VMDK_GRAIN = struct.Struct("<QI")
VMDK_COMPRESSED, VMDK_AT_END = 1 << 16, (1 << 64) - 1
VMDK_FOOTER_BYTES = 1024
MOST_TABLE_BYTES = 32 << 20
"""Of the first level of tables; qemu takes no larger ones."""
VMDK_MOST_ENTRIES = 512
"""Of a table of the second level; qemu takes no larger ones."""

HEADER = _("The image is damaged: its header cannot be read.")
FOOTER = _("The image is damaged: its footer cannot be read.")
CONTENT = _("The image is damaged: its content cannot be read.")


def check_length(file: int, form: str) -> None:
    """Raise a permanent `DriverError` for a file that ends too early, or says it does not stand alone."""
    size = os.fstat(file).st_size
    try:
        _CHECKS[form](file, size)
    except (struct.error, ZeroDivisionError, OverflowError) as error:
        raise truncated() from error


def truncated() -> DriverError:
    """Return the refusal of a file that ends too early."""
    return bad_image(
        _("The file is truncated: its end is missing."),
        hint=_("Upload the file again and compare its checksum."),
    )


def damaged(message: str) -> DriverError:
    """Return the refusal of a file of which a part contradicts another; message: HEADER, FOOTER or CONTENT."""
    return bad_image(message, hint=_("Upload the file again and compare its checksum."))


def _need(size: int, wanted: int) -> None:
    if size < wanted:
        raise truncated()


def _need_tables(size: int, tables: int, each: int) -> None:
    """Refuse more tables than there is room for: those of a crafted file lie in one another, and are read for hours."""
    _need(size, tables * each)


def _whole_sectors(file: int, size: int) -> None:
    if size % SECTOR:
        raise truncated()


def _vhd(file: int, size: int) -> None:
    footer = os.pread(file, SECTOR, max(size - SECTOR, 0))
    if not footer.startswith(VHD):
        raise truncated()
    words = VHD_FOOTER.unpack_from(footer)
    current, kind, checksum = words[9], words[11], words[12]
    if checksum != ~(sum(footer) - sum(footer[64:68])) & 0xFFFFFFFF:
        raise damaged(FOOTER)
    if kind == VHD_FIXED:
        # Less is cut off; more is another file that happens to end so.
        if current != size - SECTOR:
            raise truncated()
    elif kind != VHD_DYNAMIC:
        raise bad_image(
            _("The VHD is a differencing disk and needs its parent disk."),
            hint=_("Merge the disk into its parent first."),
        )


def _vdi(file: int, size: int) -> None:
    head = os.pread(file, SECTOR, 0)
    (data_at,) = struct.unpack_from("<I", head, VDI_DATA_AT)
    (block,) = struct.unpack_from("<I", head, VDI_BLOCK_AT)
    (used,) = struct.unpack_from("<I", head, VDI_USED_AT)
    _need(size, data_at + used * block)


def _vmdk(file: int, size: int) -> None:
    head = os.pread(file, VMDK.size, 0)
    if VMDK.unpack(head)[9] == VMDK_AT_END:
        head = os.pread(file, VMDK.size, max(size - VMDK_FOOTER_BYTES, 0))
        if not head.startswith(b"KDMV"):
            raise truncated()
    _magic, _version, flags, capacity, grain, _desc, _desc_size, entries, _spare, directory = VMDK.unpack(
        head
    )
    if entries > VMDK_MOST_ENTRIES:
        raise damaged(HEADER)
    tables = set(_table(file, directory, -(-capacity // (grain * entries)))) - {0}
    _need_tables(size, len(tables), entries * 4)
    last = max((max(_table(file, at, entries)) for at in tables), default=0)
    if last <= 1:  # 0 is a grain that is not there, 1 one of zeros
        return
    if flags & VMDK_COMPRESSED:
        _sector, stored = VMDK_GRAIN.unpack(os.pread(file, VMDK_GRAIN.size, last * SECTOR))
        _need(size, last * SECTOR + VMDK_GRAIN.size + stored)
    else:
        _need(size, (last + grain) * SECTOR)


def _table(file: int, sector: int, entries: int) -> array[int]:
    """Return a table of 32-bit numbers of a VMDK."""
    wanted = entries * 4
    if wanted > MOST_TABLE_BYTES or sector >= 1 << 53:
        raise damaged(HEADER)
    return _numbers("I", os.pread(file, wanted, sector * SECTOR), wanted, "little")


def _numbers(code: str, raw: bytes, wanted: int, order: str) -> array[int]:
    if len(raw) < wanted:
        raise truncated()
    found = array(code, raw)
    if sys.byteorder != order:
        found.byteswap()
    return found


def _qcow2(file: int, size: int) -> None:
    """Look at the last cluster, of which a part may be missing; `qemu-img check` finds whole clusters that are."""
    layout = qcow2.Layout.of(os.pread(file, qcow2.Layout.BYTES, 0))
    if layout is None:
        raise damaged(HEADER)
    if layout.encrypted:
        raise encrypted("qcow2")
    if layout.l1_entries * 8 > MOST_TABLE_BYTES or layout.l1_at >= 1 << 62:
        raise damaged(HEADER)
    if size % layout.cluster == 0:
        return
    l1 = _numbers("Q", os.pread(file, layout.l1_entries * 8, layout.l1_at), layout.l1_entries * 8, "big")
    tables = {at: index for index, entry in enumerate(l1) if (at := entry & qcow2.OFFSETS)}
    _need_tables(size, len(tables), layout.cluster)
    for at, index in tables.items():
        table = _numbers("Q", os.pread(file, layout.cluster, at), layout.cluster, "big")
        _need(size, layout.end_of(table, index))


_CHECKS = {
    "raw": _whole_sectors,
    "vpc": _vhd,
    "vhdx": _whole_sectors,
    "vdi": _vdi,
    "vmdk": _vmdk,
    "qcow2": _qcow2,
}
