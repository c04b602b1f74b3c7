"""Pictures of screens as libvirt gives them: scaled down, and refused when they are none."""

from __future__ import annotations

import pytest

from apps.drivers.libvirt.screenshot import scaled
from apps.drivers.specs import MOST_SCREEN_HEIGHT, MOST_SCREEN_WIDTH
from tests.drivers.contracts.fabric import refused
from tests.drivers.samples import new_id

pytestmark = pytest.mark.requirement("UX-14")


def ppm(width: int, height: int, pixels: bytes) -> bytes:
    return b"P6\n%d %d\n255\n" % (width, height) + pixels


def test_a_small_screen_is_left_as_it_is() -> None:
    pixels = bytes(range(3 * 3 * 2))
    taken = scaled(new_id(), ppm(3, 2, pixels))
    assert (taken.width, taken.height, taken.pixels) == (3, 2, pixels)


def test_a_large_screen_is_scaled_down_to_means() -> None:
    row = bytes((200, 100, 0, 0, 100, 200)) * 400
    taken = scaled(new_id(), ppm(800, 400, row * 400))
    assert (taken.width, taken.height) == (400, 200)
    assert taken.pixels == bytes((100, 100, 100)) * 400 * 200


@pytest.mark.parametrize(("width", "height"), [(720, 400), (1024, 768), (1366, 768), (2560, 1600)])
def test_every_usual_screen_fits_the_bounds(width: int, height: int) -> None:
    taken = scaled(new_id(), ppm(width, height, bytes(3 * width * height)))
    assert taken.width <= MOST_SCREEN_WIDTH
    assert taken.height <= MOST_SCREEN_HEIGHT
    assert len(taken.pixels) == 3 * taken.width * taken.height


@pytest.mark.parametrize(
    "file",
    [
        b"",
        b"P5\n3 2\n255\n" + bytes(6),
        ppm(3, 2, bytes(17)),
        ppm(3, 2, bytes(19)),
        ppm(99999, 99999, bytes(18)),
        ppm(1, 9000, bytes(27000)),
        ppm(0, 0, b""),
        b"P6\n3 2\n65535\n" + bytes(36),
    ],
)
def test_what_is_no_whole_picture_is_refused(file: bytes) -> None:
    with refused("hypervisor.no_screenshot"):
        scaled(new_id(), file)
