"""Pictures of a running VM's screen, which QEMU writes as PNG files.

They are read here, in Python: the guest decides what is on its screen and how large that is, and one that has escaped
into its QEMU writes the file. So all sizes are bounded, and only the one form that QEMU writes is known.
"""

import itertools
import struct
import time
import zlib
from collections.abc import Iterator
from typing import Any

from apps.drivers.errors import DriverError
from apps.drivers.errors import mark as _
from apps.drivers.specs import MOST_SCREEN_HEIGHT, MOST_SCREEN_WIDTH, Screenshot

MOST_BYTES = 16 << 20
"""Of a file, and of its pixels. A screen of 2560 x 1600 has 12 MB."""
MOST_SECONDS = 3.0
"""Of processor time for reading one picture: a guest can have a screen that takes a multiple of it."""
_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_HEADER = struct.Struct(">IIBBBBB")
_CHUNK = struct.Struct(">I4s")
_CHECKSUM = 4
_TRUE_COLOUR = (8, 2, 0, 0, 0)
"""Bits, colours, compression, filters, interlacing."""
_COLOURS = 3
_SAMPLES = 3
"""So many pixels in a row, and in a column, make one of a picture that is scaled down."""


def take(connection: Any, domain: Any) -> bytes:
    """Return the first screen as a file."""
    stream = connection.newStream(0)
    domain.screenshot(stream, 0, 0)
    taken = bytearray()

    def receive(_stream: object, part: bytes, _nothing: object) -> int:
        taken.extend(part)
        if len(taken) > MOST_BYTES:
            raise _no_picture()
        return len(part)

    stream.recvAll(receive, None)
    stream.finish()
    return bytes(taken)


def scaled(vm_id: str, file: bytes, seconds: float = MOST_SECONDS) -> Screenshot:
    """Return the picture scaled down by a whole number; each pixel is the mean of some it stands for.

    Raises DriverError for what is no picture, and for one that takes more than `seconds` of processor time.
    """
    end = time.thread_time() + seconds
    chunks = list(_chunks(file))
    if not chunks or chunks[0][0] != b"IHDR" or len(chunks[0][1]) != _HEADER.size:
        raise _no_picture()
    width, height, *form = _HEADER.unpack(chunks[0][1])
    factor = max(1, -(-width // MOST_SCREEN_WIDTH), -(-height // MOST_SCREEN_HEIGHT))
    across, down = width // factor, height // factor
    size = height * (1 + _COLOURS * width)
    if tuple(form) != _TRUE_COLOUR or not across or not down or size > MOST_BYTES:
        raise _no_picture()
    rows = _rows(_inflated(b"".join(body for name, body in chunks if name == b"IDAT"), size), width)
    picked = range(0, factor, -(-factor // _SAMPLES))
    pixels = bytearray()
    for _number in range(down):
        if time.thread_time() > end:
            raise _takes_long()
        cell = list(itertools.islice(rows, factor))
        pixels += _means([cell[at] for at in picked], picked, factor, across)
    return Screenshot(id=vm_id, width=across, height=down, pixels=bytes(pixels))


def _chunks(file: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Return name and body of each part of a file; of one that is cut off, those that are whole."""
    at = len(_SIGNATURE) if file.startswith(_SIGNATURE) else len(file)
    while at + _CHUNK.size <= len(file):
        length, name = _CHUNK.unpack_from(file, at)
        at += _CHUNK.size
        yield name, file[at : at + length]
        at += length + _CHECKSUM


def _inflated(packed: bytes, size: int) -> bytes:
    try:
        unpacked = zlib.decompressobj().decompress(packed, size + 1)
    except zlib.error as error:
        raise _no_picture() from error
    if len(unpacked) != size:
        raise _no_picture()
    return unpacked


def _rows(lines: bytes, width: int) -> Iterator[bytes]:
    """Return the rows of pixels; each line begins with how it differs from its neighbours (its filter)."""
    length = _COLOURS * width
    row = bytes(length)
    for at in range(0, len(lines), 1 + length):
        row = _unfiltered(lines[at], lines[at + 1 : at + 1 + length], row)
        yield row


def _unfiltered(kind: int, line: bytes, above: bytes) -> bytes:
    if kind == 0:
        return line
    if kind == 1:
        row = bytearray(line)
        for colour in range(_COLOURS):
            row[colour::_COLOURS] = bytes(
                value & 255 for value in itertools.accumulate(line[colour::_COLOURS])
            )
        return bytes(row)
    if kind == 2:
        return bytes((value + up) & 255 for value, up in zip(line, above, strict=True))
    if kind in (3, 4):
        return _from_left(line, above, paeth=kind == 4)
    raise _no_picture()


def _from_left(line: bytes, above: bytes, *, paeth: bool) -> bytes:
    """Undo the two filters that need the pixel to the left: the mean with that above, and Paeth's."""
    row = bytearray(bytes(_COLOURS) + line)
    before = bytes(_COLOURS) + above
    for at in range(_COLOURS, len(row)):
        left, up, corner = row[at - _COLOURS], before[at], before[at - _COLOURS]
        if paeth:
            by_left, by_up, by_corner = abs(up - corner), abs(left - corner), abs(left + up - 2 * corner)
            near = left if by_left <= by_up and by_left <= by_corner else up if by_up <= by_corner else corner
        else:
            near = (left + up) >> 1
        row[at] = (row[at] + near) & 255
    return bytes(row[_COLOURS:])


def _means(lines: list[bytes], picked: range, factor: int, across: int) -> bytes:
    row = bytearray(_COLOURS * across)
    used = _COLOURS * across * factor
    for colour in range(_COLOURS):
        samples = [
            line[_COLOURS * right + colour : used : _COLOURS * factor] for line in lines for right in picked
        ]
        row[colour::_COLOURS] = bytes(sum(each) // len(samples) for each in zip(*samples, strict=True))
    return bytes(row)


def _takes_long() -> DriverError:
    return DriverError(
        _("The screen is too large or too detailed for a screenshot."),
        code="hypervisor.no_screenshot",
        permanent=True,
    )


def _no_picture() -> DriverError:
    return DriverError(_("libvirt returned no screenshot."), code="hypervisor.no_screenshot", permanent=True)
