"""A hundred files that somebody might upload and that must not become an image, each refused and nothing left of it."""

from __future__ import annotations

import bz2
import gzip
import lzma
import os
import struct
import subprocess
import zlib
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from apps.drivers.errors import DriverError
from apps.drivers.files import FileVolumes
from apps.drivers.files.decompression import LEAST_BYTES
from apps.drivers.files.layout import delivered_path, image_path
from apps.drivers.specs import ImageSpec, PoolSpec
from apps.drivers.specs.storage import DELIVERED, MOST_PART_BYTES
from tests.drivers.samples import a_pool, an_image

pytestmark = pytest.mark.requirement("IM-5")

MIB, GIB = 1 << 20, 1 << 30
LIMIT = GIB
DISK_BYTES = 4 * MIB
Pack = Callable[[bytes], bytes]
FORMATS = {
    "qcow2": (),
    "vmdk": (),
    "vhdx": (),
    "vpc": ("-o", "force_size=on"),
    "vdi": (),
}
UNPACKED: dict[str, Pack] = {
    "": lambda raw: raw,
    "gzip": gzip.compress,
    "xz": partial(lzma.compress, preset=0),
}
#: All that is said of a file because of what is in it.
INVALID, TOO_LARGE = "volumes.image_invalid", "volumes.image_too_large"


@pytest.fixture(scope="module")
def disk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A disk that starts, with data up to its end that does not compress."""
    path = tmp_path_factory.mktemp("disk") / "disk.raw"
    partition = struct.pack("<BBBBBBBBII", 0x80, 0, 1, 0, 0x83, 0, 0, 0, 2048, DISK_BYTES // 512 - 2048)
    start = bytes(446) + partition + bytes(48) + b"\x55\xaa"
    path.write_bytes(start + os.urandom(DISK_BYTES - len(start)))
    return path


@pytest.fixture(scope="module")
def whole(disk: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """Format → a clean image of the disk."""
    made, directory = {"raw": disk.read_bytes()}, tmp_path_factory.mktemp("whole")
    for form, options in FORMATS.items():
        path = directory / form
        subprocess.run(["qemu-img", "convert", "-f", "raw", "-O", form, *options, disk, path], check=True)
        made[form] = path.read_bytes()
    return made


@pytest.fixture
def pool(tmp_path: Path, uploads: Path) -> PoolSpec:
    return a_pool(tmp_path / "pool")


def deliver(image: ImageSpec, content: bytes) -> None:
    for at in range(0, len(content), MOST_PART_BYTES):
        FileVolumes().ensure_delivered(image, at, content[at : at + MOST_PART_BYTES])


def refusal(image: ImageSpec) -> DriverError:
    """Return why the delivered file is refused, once it is certain that nothing is left of it."""
    with pytest.raises(DriverError) as caught:
        FileVolumes(image_limit_bytes=LIMIT).ensure_image(image, DELIVERED)
    error = caught.value
    assert error.permanent, error.message
    assert error.code in (INVALID, TOO_LARGE), error.message
    assert error.hint
    assert not list(image_path(image).parent.iterdir())
    return error


def _cut(share: float) -> Pack:
    return lambda raw: raw[: int(len(raw) * share) // 512 * 512]


def _lie(value: bytes, at: int = 16) -> Pack:
    return lambda raw: raw[:at] + value + raw[at + len(value) :]


def qcow2_with(**fields: int) -> Pack:
    """Change fields of a qcow2 header."""
    places = {
        "version": (4, ">I"),
        "backing_at": (8, ">Q"),
        "backing_length": (16, ">I"),
        "cluster_bits": (20, ">I"),
        "size": (24, ">Q"),
        "encryption": (32, ">I"),
        "l1_entries": (36, ">I"),
        "l1_at": (40, ">Q"),
        "refcount_at": (48, ">Q"),
        "incompatible": (72, ">Q"),
        "header_length": (100, ">I"),
    }

    def change(raw: bytes) -> bytes:
        changed = bytearray(raw)
        for name, value in fields.items():
            at, form = places[name]
            struct.pack_into(form, changed, at, value)
        if "backing_at" in fields:
            changed[fields["backing_at"] : fields["backing_at"] + 11] = b"/etc/shadow"
        return bytes(changed)

    return change


def _descriptor(extent: str) -> bytes:
    return (
        "# Disk DescriptorFile\nversion=1\nCID=fffffffe\nparentCID=ffffffff\n"
        f'createType="monolithicFlat"\nRW 8192 {extent}\n'
    ).encode()


def bomb(compress: Callable[[bytes], bytes]) -> Pack:
    """Return what expands to more than an image may, and to more than any disk by its size."""
    return lambda raw: compress(raw[:512] + bytes(LEAST_BYTES + 64 * MIB))


def _gzip_zeros(raw: bytes) -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    return b"".join(packer.compress(raw[at : at + MIB]) for at in range(0, len(raw), MIB)) + packer.flush()


def _patched(form: str) -> Iterator[tuple[str, Pack, str]]:
    """Cut off at several places, and lying in its first sectors: those of a VHDX hold a name only."""
    for share in (0.2, 0.5) if form == "vhdx" else (0.2, 0.5, 0.9):
        yield f"{form} cut at {share:.0%}", _cut(share), form
    yield f"{form} of its first sector only", lambda raw: raw[:512], form
    yield f"{form} of its signature only", lambda raw: raw[:80], form
    if form != "vhdx":
        yield f"{form} whose header lies in every field", _lie(b"\xff" * 496), form
        yield f"{form} whose header is zeros", _lie(bytes(496)), form


def _flip(raw: bytes, at: int) -> bytes:
    return raw[:at] + bytes([raw[at] ^ 0xFF]) + raw[at + 1 :]


def _hungry_xz(raw: bytes) -> bytes:
    """Return an xz file whose header asks for a dictionary of 1.5 GiB, which is what decompressing reserves."""
    packed = bytearray(lzma.compress(raw, preset=0))
    # Block header: size, flags, filter ID, size of its properties, the dictionary's size; its own checksum behind.
    length = (packed[12] + 1) * 4
    packed[16] = 37
    packed[12 + length - 4 : 12 + length] = struct.pack("<I", zlib.crc32(bytes(packed[12 : 12 + length - 4])))
    return bytes(packed)


BAD: list[tuple[str, Pack, str]] = [
    # What is no disk at all.
    ("one byte", lambda raw: b"x", "raw"),
    ("text", lambda raw: b"just a text\n" * 4096, "raw"),
    ("an HTML error page", lambda raw: b"<!doctype html><title>404</title>".ljust(1024), "raw"),
    (
        "JSON that names a file",
        lambda raw: b'json:{"driver":"file","filename":"/etc/shadow"}'.ljust(512),
        "raw",
    ),
    ("a path to a device", lambda raw: b"/dev/sda\n".ljust(512, b"\0"), "raw"),
    ("zeros", lambda raw: bytes(MIB), "raw"),
    ("an ELF program", lambda raw: b"\x7fELF\x02\x01\x01".ljust(MIB, b"\1"), "raw"),
    ("one byte again and again", lambda raw: b"\xc3" * MIB, "raw"),
    ("an ISO image", lambda raw: bytes(32769) + b"CD001" + bytes(MIB), "raw"),
    ("an OVA", lambda raw: b"vm.ovf".ljust(257, b"\0") + b"ustar" + bytes(MIB), "raw"),
    ("a tar archive", lambda raw: b"disk.raw".ljust(257, b"\0") + b"ustar" + bytes(MIB), "raw"),
    ("a WIM", lambda raw: b"MSWIM\0\0\0" + raw, "raw"),
    ("LUKS", lambda raw: b"LUKS\xba\xbe\0\2" + raw, "raw"),
    ("QED", lambda raw: b"QED\0" + raw, "raw"),
    ("qcow 1", lambda raw: b"QFI\xfb\0\0\0\1" + raw, "raw"),
    ("Parallels", lambda raw: b"WithoutFreeSpace" + raw, "raw"),
    ("VMDK COWD", lambda raw: b"COWD" + raw, "raw"),
    # Compressed in ways that are not taken, twice, or not whole.
    ("bzip2", bz2.compress, "raw"),
    ("zstd", lambda raw: b"\x28\xb5\x2f\xfd" + raw, "raw"),
    ("lz4", lambda raw: b"\x04\x22\x4d\x18" + raw, "raw"),
    ("zip", lambda raw: b"PK\x03\x04" + raw, "raw"),
    ("7-Zip", lambda raw: b"7z\xbc\xaf\x27\x1c" + raw, "raw"),
    ("gzip in gzip", lambda raw: gzip.compress(gzip.compress(raw)), "raw"),
    ("gzip in xz", lambda raw: lzma.compress(gzip.compress(raw), preset=0), "raw"),
    ("xz in gzip", lambda raw: gzip.compress(lzma.compress(raw, preset=0)), "raw"),
    ("gzip cut off", lambda raw: gzip.compress(raw)[:-100], "raw"),
    ("xz cut off", lambda raw: lzma.compress(raw, preset=0)[:-100], "raw"),
    ("gzip of its header only", lambda raw: gzip.compress(raw)[:10], "raw"),
    ("xz of its header only", lambda raw: lzma.compress(raw, preset=0)[:12], "raw"),
    ("gzip with a wrong checksum", lambda raw: gzip.compress(raw)[:-8] + b"\1" * 8, "raw"),
    ("xz with a wrong byte", lambda raw: _flip(lzma.compress(raw, preset=0), 5000), "raw"),
    ("gzip with a wrong byte", lambda raw: _flip(gzip.compress(raw), 5000), "raw"),
    ("gzip with another file behind it", lambda raw: gzip.compress(raw) + b"PK\x03\x04more", "raw"),
    ("xz that needs a gigabyte of memory", _hungry_xz, "raw"),
    ("gzip of nothing", lambda raw: gzip.compress(b""), "raw"),
    ("xz of nothing", lambda raw: lzma.compress(b""), "raw"),
    ("gzip of text", lambda raw: gzip.compress(b"just a text\n" * 4096), "raw"),
    ("gzip bomb", bomb(_gzip_zeros), "raw"),
    ("xz bomb", bomb(partial(lzma.compress, preset=0)), "raw"),
    (
        "gzip bomb of many members",
        lambda raw: gzip.compress(raw[:512]) + _gzip_zeros(bytes(32 * MIB)) * 11,
        "raw",
    ),
    # Raw disks that are not whole, or that nothing starts from.
    ("raw cut in its partition", _cut(0.5), "raw"),
    ("raw with half a sector", lambda raw: raw + b"x" * 100, "raw"),
    ("raw without a boot record", lambda raw: bytes(512) + raw[512:], "raw"),
    # qcow2 that names other files, or lies.
    ("qcow2 with a backing file", qcow2_with(backing_at=512, backing_length=11), "qcow2"),
    ("qcow2 with a backing file far away", qcow2_with(backing_at=65536, backing_length=1023), "qcow2"),
    ("qcow2 with an external data file", qcow2_with(incompatible=4), "qcow2"),
    ("qcow2 with unknown features", qcow2_with(incompatible=1 << 40), "qcow2"),
    ("qcow2 of version 9", qcow2_with(version=9), "qcow2"),
    ("qcow2 that is encrypted", qcow2_with(encryption=1), "qcow2"),
    ("qcow2 with LUKS", qcow2_with(encryption=2), "qcow2"),
    ("qcow2 over the limit", qcow2_with(size=LIMIT + MIB), "qcow2"),
    ("qcow2 of an exabyte", qcow2_with(size=1 << 60), "qcow2"),
    ("qcow2 of the largest number", qcow2_with(size=(1 << 64) - 1), "qcow2"),
    ("qcow2 of no size", qcow2_with(size=0), "qcow2"),
    ("qcow2 with tiny clusters", qcow2_with(cluster_bits=1), "qcow2"),
    ("qcow2 with huge clusters", qcow2_with(cluster_bits=60), "qcow2"),
    ("qcow2 with a table at no place", qcow2_with(l1_at=(1 << 63) - 8), "qcow2"),
    ("qcow2 with a huge table", qcow2_with(l1_entries=(1 << 31) - 1), "qcow2"),
    ("qcow2 whose table is behind its end", qcow2_with(l1_at=1 << 40), "qcow2"),
    ("qcow2 whose counts are behind its end", qcow2_with(refcount_at=1 << 40), "qcow2"),
    ("qcow2 with a long header", qcow2_with(header_length=1 << 30), "qcow2"),
    # VMDK descriptors name files, and devices.
    ("a VMDK descriptor", lambda raw: _descriptor('FLAT "other.vmdk" 0'), "raw"),
    ("a VMDK descriptor of a host's file", lambda raw: _descriptor('FLAT "/etc/shadow" 0'), "raw"),
    ("a VMDK descriptor of a device", lambda raw: _descriptor('FLAT "/dev/sda" 0'), "raw"),
    ("a VMDK descriptor of a URL", lambda raw: _descriptor('FLAT "http://169.254.169.254/" 0'), "raw"),
    *(row for form in FORMATS for row in _patched(form)),
]


#: Each as it is, and what is about a disk's own format compressed as well.
CASES = [
    (f"{name} in {packed}" if packed else name, packed, pack, form)
    for name, pack, form in BAD
    for packed in (("", "gzip") if form != "raw" and ("cut" in name or "backing" in name) else ("",))
]


def test_there_are_a_hundred_of_them() -> None:
    assert len({name for name, *_ in CASES}) == len(CASES) >= 100


@pytest.mark.parametrize(
    ("packed", "pack", "form"), [row[1:] for row in CASES], ids=[row[0] for row in CASES]
)
def test_a_bad_image_is_refused_with_a_reason_and_nothing_is_left(
    pool: PoolSpec, whole: dict[str, bytes], packed: str, pack: Pack, form: str
) -> None:
    image = an_image(pool)
    deliver(image, UNPACKED[packed](pack(whole[form])))
    refusal(image)


@pytest.mark.parametrize("packed", UNPACKED)
@pytest.mark.parametrize("form", ["raw", *FORMATS])
def test_a_clean_image_is_taken_compressed_or_not(
    pool: PoolSpec, disk: Path, whole: dict[str, bytes], form: str, packed: str
) -> None:
    image = an_image(pool)
    deliver(image, UNPACKED[packed](whole[form]))
    info = FileVolumes(image_limit_bytes=LIMIT).ensure_image(image, DELIVERED)
    assert (info.source_format, info.virtual_bytes) == (form, DISK_BYTES)
    subprocess.run(
        ["qemu-img", "compare", "-q", "-f", "raw", "-F", "qcow2", disk, image_path(image)], check=True
    )
    assert sorted(path.name for path in image_path(image).parent.iterdir()) == sorted(
        [image_path(image).name, image_path(image).with_suffix(".json").name]
    )


def _link(path: Path) -> None:
    path.symlink_to("/etc/shadow")


@pytest.mark.requirement("SE-6")
@pytest.mark.parametrize("put", [_link, os.mkfifo, Path.mkdir], ids=["link", "pipe", "directory"])
def test_nothing_but_a_plain_file_is_written_to_or_read(pool: PoolSpec, put: Callable[[Path], None]) -> None:
    image = an_image(pool)
    put(delivered_path(image_path(image)))
    for act in (
        lambda: FileVolumes().ensure_delivered(image, 0, b"data"),
        lambda: FileVolumes().ensure_image(image, DELIVERED),
    ):
        with pytest.raises((DriverError, OSError)):
            act()
    assert Path("/etc/shadow").read_bytes()[:4] != b"data"
