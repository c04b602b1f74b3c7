"""Carrying bytes both ways until one side is gone, the session is idle or somebody cuts it."""

from __future__ import annotations

import select
import time
from collections.abc import Callable

from apps.console.close_codes import EndReason
from apps.console.proxy.peers import Peer

#: How often an otherwise quiet session looks whether it is idle or cut, in milliseconds.
TICK_MS = 500
FRAMEBUFFER_UPDATE_REQUEST = 3
UPDATE_REQUEST_BYTES = 10
#: A screen that sends less stands still with a blinking cursor: QEMU's text screen sends 57 bytes a second for
#: one in Tight encoding and 336 in raw.
STILL_BYTES_PER_SECOND = 400
STILL_BYTES_AT_ONCE = 4096


class Activity:
    """The idle rule: what counts is what a person types or points, and a screen on which something happens.

    Requests for the next picture, which every client sends by itself, do not count; nor does a blinking cursor.
    """

    def __init__(self, limit: float, now: float) -> None:
        self._limit = limit
        self._last = now
        self._shown = 0

    def sent(self, data: bytes, now: float) -> None:
        """The client sent `data`."""
        if not _asks_for_picture_only(data):
            self._happened(now)

    def shown(self, count: int, now: float) -> None:
        """The screen sent `count` bytes."""
        self._shown += count
        if self._shown > STILL_BYTES_AT_ONCE + STILL_BYTES_PER_SECOND * (now - self._last):
            self._happened(now)

    def idle(self, now: float) -> bool:
        """Whether nothing has happened for too long."""
        return now - self._last >= self._limit

    def _happened(self, now: float) -> None:
        self._last, self._shown = now, 0


def _asks_for_picture_only(data: bytes) -> bool:
    # Clients send whole messages, one or several at a time; a chunk cut elsewhere counts as activity, the safe side.
    return not len(data) % UPDATE_REQUEST_BYTES and set(data[::UPDATE_REQUEST_BYTES]) <= {
        FRAMEBUFFER_UPDATE_REQUEST
    }


def pump(
    client: Peer,
    screen: Peer,
    idle_seconds: float,
    cut: Callable[[], EndReason | None],
    clock: Callable[[], float] = time.monotonic,
) -> EndReason:
    """Carry bytes until the end, and return it. STOPPED means that the VNC server hung up."""
    client.start()
    screen.start()
    activity = Activity(idle_seconds, clock())
    poll = select.poll()
    while True:
        poll.register(client.fileno(), _interest(client, screen))
        poll.register(screen.fileno(), _interest(screen, client))
        ready = dict(poll.poll(TICK_MS))
        if end := _carry(client, screen, ready, activity, clock()):
            return end
        if end := cut():
            return end
        if activity.idle(clock()):
            return EndReason.IDLE


def _interest(peer: Peer, other: Peer) -> int:
    # Nothing is read for a side that has not taken what came before: a slow browser slows the screen, not the memory.
    return (0 if other.backlog else select.POLLIN) | (select.POLLOUT if peer.backlog else 0)


def _carry(
    client: Peer, screen: Peer, ready: dict[int, int], activity: Activity, now: float
) -> EndReason | None:
    try:
        if ready.get(client.fileno(), 0) & select.POLLOUT:
            client.flush()
        if ready.get(screen.fileno(), 0) & select.POLLOUT:
            screen.flush()
        if ready.get(client.fileno(), 0) & ~select.POLLOUT:
            data = client.receive()
            if data is None:
                return EndReason.CLOSED
            if data:
                activity.sent(data, now)
                screen.send(data)
        if ready.get(screen.fileno(), 0) & ~select.POLLOUT:
            data = screen.receive()
            if data is None:
                return EndReason.STOPPED
            activity.shown(len(data), now)
            client.send(data)
    except OSError:
        return EndReason.STOPPED
    return None
