"""Requests to providers, bounded in number, time and bytes, whatever a provider answers (docs/limits.md).

Anybody can begin a login, and with it a request to a provider. One that is slow, or hostile, must hold neither the
platform's requests nor its memory.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import requests
from authlib.integrations.requests_client import OAuth2Session
from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection

#: Seconds for the whole of an answer, however it drips; and for a connection, or any piece of it.
SECONDS, PIECE_SECONDS = 10.0, 5.0
#: Bytes of an answer. Descriptions, keys and tokens are some 10 kB.
BYTES = 512 * 1024
#: Logins that ask a provider at the same time in one process.
AT_ONCE = 4
_places = threading.BoundedSemaphore(AT_ONCE)


class TooBusy(Exception):
    """As many logins as may do so are asking providers already."""


@contextmanager
def place() -> Iterator[None]:
    """Take one of the places of those who ask a provider. Raises TooBusy."""
    if not _places.acquire(blocking=False):
        raise TooBusy
    try:
        yield
    finally:
        _places.release()


class BoundedSession(OAuth2Session):  # type: ignore[misc]  # Authlib publishes no types
    """Authlib's client of a provider, bounded.

    It follows no redirects: a provider must not choose what the platform asks, and only its own addresses are known.
    """

    def __init__(self, **client: Any) -> None:
        super().__init__(**client)
        for scheme in ("http://", "https://"):
            self.mount(scheme, _Adapter())
        # Unpacking would make megabytes of kilobytes.
        self.headers["Accept-Encoding"] = "identity"

    def request(self, *args: Any, **kwargs: Any) -> requests.Response:
        """Return the answer, read as a whole. Raises RequestException for one that is too large, packed, or slow."""
        bounds = {"timeout": PIECE_SECONDS, "stream": True, "allow_redirects": False}
        with _cut_in_time():
            response: requests.Response = super().request(*args, **(kwargs | bounds))
            response._content = _read(response)
        return response


def _read(response: requests.Response) -> bytes:
    if response.headers.get("Content-Encoding", "identity") != "identity":
        raise requests.RequestException("the answer is packed")
    try:
        data: bytes = response.raw.read(BYTES + 1, decode_content=False)
    except Exception as error:  # of sockets, TLS, HTTP: cut, or malformed
        raise requests.RequestException(type(error).__name__) from error
    if len(data) > BYTES:
        raise requests.RequestException("the answer is too large")
    return data


class _Request:
    """The connections of one request; cut when its time is over."""

    def __init__(self) -> None:
        self._sockets: list[socket.socket] = []
        self._over = False

    def add(self, sock: socket.socket) -> None:
        """Have a connection cut in time, which may have passed while it was made."""
        self._sockets.append(sock)
        if self._over:
            self.cut()

    def cut(self) -> None:
        """End what is read now, and what would be read."""
        self._over = True
        for each in list(self._sockets):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)


class _Running(threading.local):
    """The request that this thread is at."""

    request: _Request | None = None


_running = _Running()


@contextmanager
def _cut_in_time() -> Iterator[None]:
    """Cut the block's connections when its time is over: timeouts of sockets hold for each piece only."""
    _running.request = _Request()
    timer = threading.Timer(SECONDS, _running.request.cut)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        _running.request = None


class _Cut:
    """A connection that is cut with its request."""

    sock: socket.socket

    def connect(self) -> None:
        """Connect; the handshakes have a limit of their own."""
        super().connect()  # type: ignore[misc]
        if _running.request is not None:
            _running.request.add(self.sock)


class _PlainConnection(_Cut, HTTPConnection):
    pass


class _TlsConnection(_Cut, HTTPSConnection):
    pass


class _PlainPool(HTTPConnectionPool):
    ConnectionCls = _PlainConnection


class _TlsPool(HTTPSConnectionPool):
    ConnectionCls = _TlsConnection


class _Adapter(HTTPAdapter):
    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """Have connections that are cut in time."""
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = {"http": _PlainPool, "https": _TlsPool}
