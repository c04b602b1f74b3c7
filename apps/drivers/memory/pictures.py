"""What a pretend VM's screen shows: lines of a text console, others for every VM."""

import zlib

from apps.drivers.specs import Screenshot

WIDTH, HEIGHT = 360, 200
LINE, LETTER = 8, 4
_GROUND, _INK = bytes((16, 20, 24)), bytes((188, 198, 206))


def screen(vm_id: str) -> Screenshot:
    """Return the picture of a VM, the same at every call."""
    rows = bytearray()
    for number in range(HEIGHT // LINE):
        noise = zlib.crc32(f"{vm_id} {number}".encode())
        letters = 8 + noise % 60 if number % 5 else 0
        line = b"".join(
            (_GROUND if (noise >> (at % 29)) & 3 == 0 else _INK) * (LETTER - 1) + _GROUND
            for at in range(letters)
        )
        blank = _GROUND * WIDTH
        rows += (line + blank)[: len(blank)] * (LINE - 4) + blank * 4
    return Screenshot(id=vm_id, width=WIDTH, height=HEIGHT, pixels=bytes(rows))
