"""Pictures of screens as QEMU writes them: read, scaled down, and refused when they are none."""

from __future__ import annotations

import itertools
import random
import struct
import time
import zlib

import pytest

from apps.drivers.libvirt.screenshot import MOST_BYTES, scaled
from apps.drivers.specs import MOST_SCREEN_HEIGHT, MOST_SCREEN_WIDTH
from tests.drivers.contracts.fabric import refused
from tests.drivers.samples import new_id

pytestmark = pytest.mark.requirement("UX-14")
FILTERS = range(5)


def chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


TRUE_COLOUR = b"\x08\x02\0\0\0"


def png(width: int, height: int, pixels: bytes, kind: int = 0, form: bytes = TRUE_COLOUR) -> bytes:
    """Return a file whose lines use one filter."""
    length = max(3 * width, 1)
    rows = [bytes(length), *(pixels[at : at + length] for at in range(0, len(pixels), length))]
    lines = b"".join(line(kind, row, above) for above, row in itertools.pairwise(rows))
    packed = zlib.compress(lines)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", struct.pack(">II", width, height) + form)
        + chunk(b"IDAT", packed[:9])
        + chunk(b"IDAT", packed[9:])
        + chunk(b"IEND", b"")
    )


def line(kind: int, row: bytes, above: bytes) -> bytes:
    """Filter a line as the PNG specification says."""
    out = [kind]
    for at, value in enumerate(row):
        left, corner = (row[at - 3], above[at - 3]) if at >= 3 else (0, 0)
        up = above[at]
        by = sorted((left, up, corner), key=lambda near: abs(left + up - corner - near))[0]
        out.append((value - (0, left, up, (left + up) // 2, by)[kind]) & 255)
    return bytes(out)


@pytest.mark.parametrize("kind", FILTERS)
def test_every_filter_is_undone(kind: int) -> None:
    pixels = random.Random(kind).randbytes(3 * 31 * 17)  # noqa: S311
    taken = scaled(new_id(), png(31, 17, pixels, kind))
    assert (taken.width, taken.height, taken.pixels) == (31, 17, pixels)


def test_a_large_screen_is_scaled_down_to_means() -> None:
    row = bytes((200, 100, 0, 0, 100, 200)) * 400
    taken = scaled(new_id(), png(800, 400, row * 400))
    assert (taken.width, taken.height) == (400, 200)
    assert taken.pixels == bytes((100, 100, 100)) * 400 * 200


@pytest.mark.parametrize(("width", "height"), [(720, 400), (1366, 768), (2560, 1600)])
def test_every_usual_screen_fits_the_bounds(width: int, height: int) -> None:
    lines = (b"\0" + bytes(3 * width)) * height
    file = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">II", width, height) + b"\x08\x02\0\0\0")
    taken = scaled(new_id(), file + chunk(b"IDAT", zlib.compress(lines)))
    assert 200 < taken.width <= MOST_SCREEN_WIDTH
    assert 100 < taken.height <= MOST_SCREEN_HEIGHT
    assert len(taken.pixels) == 3 * taken.width * taken.height


GOOD = png(3, 2, bytes(range(18)))


@pytest.mark.parametrize(
    "file",
    [
        b"",
        b"P6\n3 2\n255\n" + bytes(18),
        GOOD[:20],
        GOOD[:48],
        png(3, 3, bytes(18)),
        png(3, 1, bytes(18)),
        png(3, 2, bytes(18), form=b"\x08\x06\0\0\0"),
        png(3, 2, bytes(18), form=b"\x10\x02\0\0\0"),
        png(3, 2, bytes(18), form=b"\x08\x02\0\0\1"),
        GOOD.replace(b"IDATx", b"IDATy", 1),
        png(0, 0, b""),
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">II", 2**31, 2**31) + b"\x08\x02\0\0\0"),
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">II", 1, 9000) + b"\x08\x02\0\0\0"),
    ],
)
def test_what_is_no_whole_picture_is_refused(file: bytes) -> None:
    with refused("hypervisor.no_screenshot"):
        scaled(new_id(), file)


def test_an_unknown_filter_is_refused() -> None:
    file = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">II", 1, 1) + b"\x08\x02\0\0\0")
    with refused("hypervisor.no_screenshot"):
        scaled(new_id(), file + chunk(b"IDAT", zlib.compress(b"\x05abc")))


def test_a_screen_that_is_slow_to_read_is_given_up() -> None:
    lines = (b"\4" + bytes(range(240)) * 32) * 1600
    file = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">II", 2560, 1600) + TRUE_COLOUR)
    file += chunk(b"IDAT", zlib.compress(lines, 1))
    started = time.thread_time()
    with refused("hypervisor.no_screenshot"):
        scaled(new_id(), file, seconds=0.2)
    assert time.thread_time() - started < 2


def test_a_file_that_unpacks_to_more_than_it_says_takes_no_memory() -> None:
    bomb = zlib.compress(bytes(MOST_BYTES * 4))
    file = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">II", 3, 2) + b"\x08\x02\0\0\0")
    with refused("hypervisor.no_screenshot"):
        scaled(new_id(), file + chunk(b"IDAT", bomb))
