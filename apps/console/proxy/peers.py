"""What a session joins: a client and a screen. The one over TCP, with or without TLS, is here (see also websocket.py).

Each reads and writes in blocking steps during the handshake, then without blocking while the session is pumped.
"""

from __future__ import annotations

import socket
import ssl
import time
from contextlib import suppress
from typing import Protocol

from apps.console.close_codes import EndReason

CHUNK = 65536


class Peer(Protocol):
    """One side of a session."""

    def fileno(self) -> int:
        """Return the descriptor to poll."""

    def read(self, count: int) -> bytes:
        """Return exactly `count` bytes (handshake)."""

    def write(self, data: bytes) -> None:
        """Send all of `data` (handshake)."""

    def start(self) -> None:
        """Stop blocking: from here on `receive`, `send` and `flush`."""

    def receive(self) -> bytes | None:
        """Return what has arrived, perhaps nothing; None when the other side is gone."""

    def send(self, data: bytes) -> None:
        """Queue `data` and send what can be sent."""

    def flush(self) -> None:
        """Send more of what is queued."""

    @property
    def backlog(self) -> bool:
        """Whether something is still queued."""

    def close(self, end: EndReason) -> None:
        """Take leave and close."""


#: What a socket without blocking raises when it must wait; one with TLS has its own errors for it.
MUST_WAIT = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)


class TcpPeer:
    """A TCP connection: a VM's VNC server, or a native client."""

    def __init__(self, connection: socket.socket, give_up: float | None = None) -> None:
        """`give_up`: when the handshake must be over, by the monotonic clock, however the other side spreads it."""
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket = connection
        self._give_up = give_up
        self._queue = bytearray()

    def fileno(self) -> int:
        return self._socket.fileno()

    def read(self, count: int) -> bytes:
        data = bytearray()
        while len(data) < count:
            if self._give_up is not None and time.monotonic() > self._give_up:
                raise TimeoutError
            part = self._socket.recv(count - len(data))
            if not part:
                raise EOFError
            data += part
        return bytes(data)

    def write(self, data: bytes) -> None:
        self._socket.sendall(data)

    def start_tls(self, context: ssl.SSLContext, name: str) -> None:
        """Go on in TLS, as the client of the server called `name`. Raises OSError (ssl.SSLError, too)."""
        self._socket = context.wrap_socket(self._socket, server_hostname=name)

    def start(self) -> None:
        self._socket.setblocking(False)

    def receive(self) -> bytes | None:
        try:
            data = self._socket.recv(CHUNK)
            # What TLS has decrypted and not yet given out is invisible to poll().
            while isinstance(self._socket, ssl.SSLSocket) and (more := self._socket.pending()):
                data += self._socket.recv(more)
            return data or None
        except MUST_WAIT:
            return b""
        except OSError:
            return None

    def send(self, data: bytes) -> None:
        self._queue += data
        self.flush()

    def flush(self) -> None:
        try:
            while self._queue:
                del self._queue[: self._socket.send(self._queue)]
        except MUST_WAIT:
            pass

    @property
    def backlog(self) -> bool:
        return bool(self._queue)

    @property
    def queued_bytes(self) -> int:
        """How much is still queued."""
        return len(self._queue)

    def send_eof(self) -> None:
        """Say that nothing follows, so that the other side hangs up."""
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_WR)

    def block(self, seconds: float) -> None:
        """Wait again, for each step at most so long; TimeoutError after that."""
        self._socket.settimeout(seconds)

    def close(self, end: EndReason) -> None:
        self._socket.close()
