"""What counts as activity, in units of the clock handed in."""

from __future__ import annotations

import pytest

from apps.console.proxy.pump import STILL_BYTES_AT_ONCE, STILL_BYTES_PER_SECOND, Activity

pytestmark = pytest.mark.requirement("VN-2")

NEXT_PICTURE = bytes([3, 1, 0, 0, 0, 0, 2, 0, 1, 0x90])
KEY = bytes([4, 1, 0, 0, 0, 0, 0, 0x61])
POINTER = bytes([5, 0, 0, 10, 0, 10])
CURSOR_BLINK = 144  # bytes, raw, twice a second


def test_a_session_in_which_nothing_happens_is_idle_after_the_limit() -> None:
    activity = Activity(300, now=0)
    assert not activity.idle(299.9)
    assert activity.idle(300)


@pytest.mark.parametrize("message", [KEY, POINTER, KEY * 2, NEXT_PICTURE + KEY])
def test_typing_and_pointing_keep_it(message: bytes) -> None:
    activity = Activity(300, now=0)
    activity.sent(message, now=299)
    assert not activity.idle(598)
    assert activity.idle(599)


def test_requests_for_the_next_picture_do_not_keep_it() -> None:
    activity = Activity(300, now=0)
    for now in range(300):
        activity.sent(NEXT_PICTURE * (1 + now % 3), now)
    assert activity.idle(300)


def test_a_blinking_cursor_does_not_keep_it() -> None:
    activity = Activity(300, now=0)
    for tick in range(600):
        activity.shown(CURSOR_BLINK, tick / 2)
    assert activity.idle(300)


def test_a_screen_on_which_something_happens_keeps_it() -> None:
    activity = Activity(300, now=0)
    activity.shown(STILL_BYTES_AT_ONCE + 300 * STILL_BYTES_PER_SECOND + 1, now=299)
    assert not activity.idle(300)
