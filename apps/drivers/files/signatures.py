"""Telling by its first and last bytes what a file is: a format that can be imported, or another thing with a name."""

from collections.abc import Callable
from dataclasses import dataclass

from apps.drivers.errors import DriverError
from apps.drivers.errors import mark as _
from apps.drivers.volume_errors import bad_image

SECTOR = 512
HEAD_BYTES = 40 * 1024
"""The name of a CD's file system stands behind 32 KiB."""
VHD = b"conectix"
FORMATS = (
    (0, b"QFI\xfb", "qcow2"),
    (0, b"KDMV", "vmdk"),
    (0, b"vhdxfile", "vhdx"),
    (0, VHD, "vpc"),
    (0x40, b"\x7f\x10\xda\xbe", "vdi"),
)
COMPRESSED = (
    (b"\xfd7zXZ\0", "xz"),
    (b"\x1f\x8b", "gzip"),
    (b"\x28\xb5\x2f\xfd", "zstd"),
    (b"BZh", "bzip2"),
    (b"\x04\x22\x4d\x18", "lz4"),
    (b"PK\x03\x04", "zip"),
    (b"7z\xbc\xaf\x27\x1c", "7-Zip"),
)
OTHER_FORMATS = (
    (b"QED\0", "QED"),
    (b"COWD", "VMDK (COWD)"),
    (b"WithoutFreeSpace", "Parallels"),
    (b"WithouFreSpacExt", "Parallels"),
    (b"MSWIM\0", "WIM"),
)


@dataclass(frozen=True, slots=True)
class Ends:
    """The first `HEAD_BYTES` and the last sector of a file of `size` bytes."""

    head: bytes
    tail: bytes
    size: int

    @classmethod
    def read(cls, size: int, read: Callable[[int, int], bytes]) -> "Ends":
        """Return those of a file of which `read` gives so many bytes from an offset."""
        return cls(read(HEAD_BYTES, 0), read(SECTOR, max(size - SECTOR, 0)), size)


def compression_of(head: bytes) -> str:
    """Return the name of the compression that a file begins with, empty for none."""
    return next((name for magic, name in COMPRESSED if head.startswith(magic)), "")


def format_of(ends: Ends) -> str:
    """Return the format, "raw" for what has no signature. Raises `DriverError` for what cannot be imported, by name."""
    if not ends.size:
        raise bad_image(_("The file is empty."), hint=_("Upload the image again."))
    _refuse_by_name(ends.head)
    for at, magic, form in FORMATS:
        if ends.head.startswith(magic, at):
            return form
    # A fixed VHD is a raw disk with a footer behind it.
    return "vpc" if ends.tail.startswith(VHD) else "raw"


def _refuse_by_name(head: bytes) -> None:
    if name := compression_of(head):
        raise _compressed(name)
    for magic, name in OTHER_FORMATS:
        if head.startswith(magic):
            raise other_format(name)
    if head.startswith(b"QFI\xfb\0\0\0\1"):
        raise other_format("qcow (version 1)")
    if head.startswith(b"LUKS\xba\xbe"):
        raise encrypted("LUKS")
    if head.startswith(b"# Disk DescriptorFile"):
        raise bad_image(
            _("The file is a VMDK descriptor. Its data is in other files."),
            hint=_("Convert the image to one file first: qemu-img convert -O qcow2."),
        )
    if head[257:262] == b"ustar":
        raise _archive(head)
    if head[32769:32774] == b"CD001":
        raise bad_image(
            _("The file is an ISO 9660 image (CD or DVD), not a disk."),
            hint=_("Import an installed disk instead, for example the vendor's cloud image."),
        )


def encrypted(name: str) -> DriverError:
    """Return the refusal of a disk that nobody could start without its passphrase."""
    return bad_image(
        _("The disk is encrypted (%(name)s)."),
        hint=_("Decrypt the disk first. The platform cannot pass a passphrase to a guest."),
        name=name,
    )


def other_format(name: str) -> DriverError:
    """Return the refusal of a format that is known but not taken."""
    return bad_image(
        _("The file has the format %(name)s, which cannot be imported."),
        hint=_("Convert the file first: qemu-img convert -O qcow2."),
        name=name,
    )


def _compressed(name: str) -> DriverError:
    return bad_image(
        _("The file is compressed (%(name)s) in a way that cannot be imported."),
        hint=_("Decompress the file first, or compress it once with gzip or xz."),
        name=name,
    )


def _archive(head: bytes) -> DriverError:
    first = head[:100].partition(b"\0")[0].lower()
    if first.endswith(b".ovf"):
        return bad_image(
            _("The file is an OVA archive."), hint=_("Extract the disk from the OVA first: tar -xf.")
        )
    return bad_image(_("The file is a tar archive."), hint=_("Extract the disk from the archive first."))
