"""Images of every format as others make them: whole, cut off, blank, and files that are no disk at all."""

from __future__ import annotations

import bz2
import io
import os
import struct
import subprocess
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from apps.drivers.errors import DriverError
from apps.drivers.files import FileVolumes
from apps.drivers.files.image_lengths import VMDK
from apps.drivers.files.layout import image_path
from apps.drivers.specs import ImageInfo, PoolSpec
from tests.drivers.samples import a_pool, an_image

pytestmark = pytest.mark.requirement("IM-5")

MIB = 1 << 20
#: Whole blocks of every format, so that its last byte is in each file.
DISK_BYTES = 16 * MIB
#: Name → format, options of `qemu-img convert`, the size of the disk in it.
MADE: dict[str, tuple[str, tuple[str, ...], int]] = {
    "raw": ("raw", (), DISK_BYTES),
    "qcow2 v2": ("qcow2", ("-o", "compat=0.10"), DISK_BYTES),
    "qcow2 v3": ("qcow2", (), DISK_BYTES),
    "qcow2 compressed": ("qcow2", ("-c",), DISK_BYTES),
    "fixed VHD": ("vpc", ("-o", "subformat=fixed,force_size=on"), DISK_BYTES),
    "dynamic VHD": ("vpc", ("-o", "force_size=on"), DISK_BYTES),
    "VHDX": ("vhdx", (), DISK_BYTES),
    "fixed VHDX": ("vhdx", ("-o", "subformat=fixed"), DISK_BYTES),
    "VMDK": ("vmdk", (), DISK_BYTES),
    "stream-optimised VMDK": ("vmdk", ("-o", "subformat=streamOptimized"), DISK_BYTES),
    "VDI": ("vdi", (), DISK_BYTES),
    "static VDI": ("vdi", ("-o", "static=on"), DISK_BYTES),
}
#: The end of these says nothing that the rest does not: a raw disk without its VHD footer, padding behind a stream.
ENDS_IN_PADDING = {"fixed VHD", "stream-optimised VMDK", "qcow2 compressed"}


@pytest.fixture(scope="module")
def disk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A raw disk with one partition up to its end, and data here and there."""
    path = tmp_path_factory.mktemp("disk") / "disk.raw"
    partition = struct.pack("<BBBBBBBBII", 0x80, 0, 1, 0, 0x83, 0, 0, 0, 2048, DISK_BYTES // 512 - 2048)
    with path.open("wb") as file:
        file.write(bytes(446) + partition + bytes(48) + b"\x55\xaa")
        for at in range(MIB, DISK_BYTES, 3 * MIB):
            file.seek(at)
            file.write(os.urandom(100_000))
        file.seek(DISK_BYTES - 4096)
        file.write(os.urandom(4096))
    return path


@pytest.fixture
def pool(tmp_path: Path, uploads: Path) -> PoolSpec:
    return a_pool(tmp_path / "pool")


@pytest.fixture
def path(uploads: Path) -> Path:
    return uploads / "upload"


def converted(disk: Path, path: Path, name: str) -> None:
    form, options, _size = MADE[name]
    subprocess.run(["qemu-img", "convert", "-f", "raw", "-O", form, *options, disk, path], check=True)


def imported(pool: PoolSpec, path: Path) -> tuple[ImageInfo, Path]:
    image = an_image(pool)
    return FileVolumes(image_limit_bytes=1 << 30).ensure_image(image, str(path)), image_path(image)


def refusal(pool: PoolSpec, path: Path) -> DriverError:
    with pytest.raises(DriverError) as caught:
        imported(pool, path)
    assert (caught.value.code, caught.value.permanent) == ("volumes.image_invalid", True)
    assert caught.value.hint
    assert os.listdir(Path(pool.path) / "images") == []
    return caught.value


@pytest.mark.parametrize("name", MADE)
def test_every_format_is_taken_with_its_size_and_content(
    pool: PoolSpec, disk: Path, path: Path, name: str
) -> None:
    converted(disk, path, name)
    info, stored = imported(pool, path)
    assert (info.source_format, info.virtual_bytes) == (MADE[name][0], MADE[name][2])
    subprocess.run(["qemu-img", "compare", "-q", "-f", "raw", "-F", "qcow2", disk, stored], check=True)


@pytest.mark.parametrize("cut", ["a sector", "a cluster", "a half"])
@pytest.mark.parametrize("name", MADE)
def test_a_truncated_file_is_refused(pool: PoolSpec, disk: Path, path: Path, name: str, cut: str) -> None:
    if cut == "a sector" and name in ENDS_IN_PADDING:
        cut = "a cluster"
    converted(disk, path, name)
    size = path.stat().st_size
    lengths = {
        "a sector": 512,
        "a cluster": 65536,
        "a half": size // 2 // 512 * 512,
    }
    os.truncate(path, size - lengths[cut])
    assert "truncated" in refusal(pool, path).message


@pytest.mark.parametrize(
    "options",
    [
        ("qcow2", "-o", "extended_l2=on,cluster_size=128k"),
        ("qcow2", "-o", "cluster_size=2M"),
        ("qcow2", "-o", "preallocation=metadata"),
        ("qcow2", "-c", "-o", "compression_type=zstd"),
        ("vmdk", "-o", "zeroed_grain=on"),
    ],
)
def test_a_file_that_ends_where_nothing_was_written_is_not_truncated(
    pool: PoolSpec, tmp_path: Path, path: Path, options: tuple[str, ...]
) -> None:
    odd = tmp_path / "odd.raw"
    odd.write_bytes((bytes(510) + b"\x55\xaa").ljust(3 * MIB, b"\0") + os.urandom(512))
    os.truncate(odd, 10 * MIB + 32 * 1024 + 512)
    subprocess.run(["qemu-img", "convert", "-f", "raw", "-O", *options, odd, path], check=True)
    assert imported(pool, path)[0].virtual_bytes == odd.stat().st_size


@pytest.mark.parametrize("name", MADE)
def test_a_blank_disk_is_refused(pool: PoolSpec, tmp_path: Path, path: Path, name: str) -> None:
    blank = tmp_path / "blank.raw"
    blank.touch()
    os.truncate(blank, DISK_BYTES)
    converted(blank, path, name)
    assert "no boot record" in refusal(pool, path).message


def test_a_disk_with_a_gpt_alone_is_taken_and_one_whose_backup_is_missing_is_not(
    pool: PoolSpec, path: Path
) -> None:
    header = b"EFI PART" + bytes(24) + struct.pack("<Q", DISK_BYTES // 512 - 1)
    path.write_bytes((bytes(512) + header).ljust(DISK_BYTES, b"\0"))
    assert imported(pool, path)[0].virtual_bytes == DISK_BYTES
    os.truncate(path, DISK_BYTES - 512)
    with pytest.raises(DriverError, match="truncated"):
        imported(pool, path)


def test_a_disk_that_ends_in_its_partition_table_is_refused(pool: PoolSpec, path: Path) -> None:
    path.write_bytes(bytes(512) + b"EFI PART" + bytes(10))
    assert "truncated" in refusal(pool, path).message


def in_tar(member: str) -> Callable[[bytes], bytes]:
    def pack(raw: bytes) -> bytes:
        out = io.BytesIO()
        with tarfile.open(fileobj=out, mode="w") as archive:
            archive.addfile(tarfile.TarInfo(member))
        return out.getvalue()

    return pack


@pytest.mark.parametrize(
    ("pack", "said", "next_step"),
    [
        (lambda raw: b"", "is empty", "Upload"),
        (bz2.compress, "compressed (bzip2)", "Decompress the file first"),
        (lambda raw: b"\x28\xb5\x2f\xfd" + raw, "compressed (zstd)", "Decompress the file first"),
        (lambda raw: b"PK\x03\x04" + raw, "compressed (zip)", "Decompress the file first"),
        (in_tar("vm.ovf"), "OVA archive", "Extract the disk from the OVA"),
        (in_tar("disk.raw"), "tar archive", "Extract the disk"),
        (lambda raw: b"LUKS\xba\xbe\0\2" + raw, "encrypted (LUKS)", "Decrypt the disk first"),
        (lambda raw: raw[:32769] + b"CD001" + raw[32774:], "ISO 9660", "Import an installed disk"),
        (
            lambda raw: b"# Disk DescriptorFile\nversion=1\n",
            "in other files",
            "Convert the image to one file",
        ),
        (lambda raw: b"QED\0" + raw, "format QED", "Convert the file first"),
        (lambda raw: b"QFI\xfb\0\0\0\1" + raw, "qcow (version 1)", "Convert the file first"),
        (lambda raw: b"just a text\n" * 4096, "neither a known image format", "Upload a self-contained"),
    ],
)
def test_what_is_no_disk_is_refused_by_name_with_the_next_step(
    pool: PoolSpec, disk: Path, path: Path, pack: Callable[[bytes], bytes], said: str, next_step: str
) -> None:
    path.write_bytes(pack(disk.read_bytes()[: 4 * MIB]))
    error = refusal(pool, path)
    assert said in error.message
    assert next_step in error.hint


def qcow2_file(l1_entries: int, l1_at: int, l1: bytes = b"", bits: int = 21) -> bytes:
    """Return a qcow2 file of 1 GiB with these tables, that ends in half a cluster."""
    names = struct.pack(
        ">4sIQIIQIIQQIIQ", b"QFI\xfb", 3, 0, 0, bits, 1 << 30, 0, l1_entries, l1_at, 4 << bits, 1, 0, 0
    )
    head = names + struct.pack(">QQQII", 0, 0, 0, 4, 104)
    return (head.ljust(1 << bits, b"\0") + l1).ljust((5 << bits) + 512, b"\0")


@pytest.mark.timeout(20)
def test_tables_that_lie_in_one_another_are_not_read_for_hours(pool: PoolSpec, path: Path) -> None:
    l1 = b"".join(struct.pack(">Q", (1 + number) * 512) for number in range(20_000))
    path.write_bytes(qcow2_file(20_000, 1 << 21, l1))
    assert "truncated" in refusal(pool, path).message
    entries, count = 1 << 23, 1_000
    head = VMDK.pack(b"KDMV", 1, 0, count * entries, 1, 0, 0, entries, 0, 1)
    directory = b"".join(struct.pack("<I", 1 + number) for number in range(count))
    path.write_bytes((head.ljust(512, b"\0") + directory).ljust(33 * MIB, b"\0"))
    assert "damaged" in refusal(pool, path).message


@pytest.mark.parametrize("at", [1 << 63, (1 << 63) - 8, (1 << 64) - 1])
def test_a_table_at_no_possible_place_is_refused(pool: PoolSpec, path: Path, at: int) -> None:
    path.write_bytes(qcow2_file(10, at, bits=16))
    assert "damaged" in refusal(pool, path).message
    path.write_bytes(
        VMDK.pack(b"KDMV", 1, 0, 1 << 21, 128, 0, 0, 512, 0, min(at >> 9, (1 << 54) - 1)).ljust(MIB, b"\0")
    )
    assert refusal(pool, path).message


def test_an_encrypted_qcow2_is_refused_by_name(pool: PoolSpec, disk: Path, path: Path) -> None:
    converted(disk, path, "qcow2 v3")
    raw = bytearray(path.read_bytes())
    raw[32:36] = struct.pack(">I", 1)
    path.write_bytes(raw)
    assert "encrypted (qcow2)" in refusal(pool, path).message


def test_a_vhd_that_needs_its_parent_is_refused_by_name(pool: PoolSpec, disk: Path, path: Path) -> None:
    converted(disk, path, "dynamic VHD")
    raw = bytearray(path.read_bytes())
    for at in (0, len(raw) - 512):
        footer = raw[at : at + 512]
        footer[60:64], footer[64:68] = struct.pack(">I", 4), bytes(4)
        footer[64:68] = struct.pack(">I", ~sum(footer) & 0xFFFFFFFF)
        raw[at : at + 512] = footer
    path.write_bytes(raw)
    assert "differencing disk" in refusal(pool, path).message


@pytest.mark.parametrize("name", [name for name in MADE if name != "raw"])
def test_a_file_of_which_every_field_may_lie_is_refused_and_nothing_else_happens(
    pool: PoolSpec, disk: Path, path: Path, name: str
) -> None:
    converted(disk, path, name)
    whole = path.read_bytes()
    path.write_bytes(whole[:16] + b"\xff" * 496 + whole[512:])
    try:
        imported(pool, path)
    except DriverError as error:
        assert error.code in ("volumes.image_invalid", "volumes.image_too_large"), error.message
