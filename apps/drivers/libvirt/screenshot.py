"""Pictures of a running VM's screen. The guest decides how large its screen is, so all sizes are bounded."""

import re
from typing import Any

from apps.drivers.errors import DriverError
from apps.drivers.errors import mark as _
from apps.drivers.specs import MOST_SCREEN_HEIGHT, MOST_SCREEN_WIDTH, Screenshot

MOST_BYTES = 32 << 20
"""A screen of 3840 x 2160 has 25 MB."""
_HEADER = re.compile(rb"P6\s+(\d{1,5})\s+(\d{1,5})\s+255\s")
_SAMPLES = 3
"""So many pixels in a row, and in a column, make one of a picture that is scaled down."""


def take(connection: Any, domain: Any) -> bytes:
    """Return the first screen as a PPM file."""
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


def scaled(vm_id: str, ppm: bytes) -> Screenshot:
    """Return the picture scaled down by a whole number; each pixel is the mean of some it stands for."""
    head = _HEADER.match(ppm)
    if head is None:
        raise _no_picture()
    width, height = int(head[1]), int(head[2])
    pixels = memoryview(ppm)[head.end() :]
    factor = max(1, -(-width // MOST_SCREEN_WIDTH), -(-height // MOST_SCREEN_HEIGHT))
    across, down = width // factor, height // factor
    if not across or not down or len(pixels) != 3 * width * height:
        raise _no_picture()
    rows = (_row(pixels, width, number * factor, factor, across) for number in range(down))
    return Screenshot(id=vm_id, width=across, height=down, pixels=b"".join(rows))


def _row(pixels: memoryview, width: int, top: int, factor: int, across: int) -> bytes:
    picked = range(0, factor, -(-factor // _SAMPLES))
    lines = [pixels[3 * (top + down) * width :][: 3 * across * factor] for down in picked]
    row = bytearray(3 * across)
    for colour in range(3):
        samples = [line[3 * right + colour :: 3 * factor] for line in lines for right in picked]
        row[colour::3] = bytes(sum(each) // len(samples) for each in zip(*samples, strict=True))
    return bytes(row)


def _no_picture() -> DriverError:
    return DriverError(
        _("libvirt gave no picture of the screen."), code="hypervisor.no_screenshot", permanent=True
    )
