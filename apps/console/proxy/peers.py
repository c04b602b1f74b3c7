"""The two kinds of connection a session joins: TCP, with or without TLS, and a WebSocket.

Each reads and writes in blocking steps during the handshake, then without blocking while the session is pumped.
"""

from __future__ import annotations

import socket
import ssl
import time
from collections import deque
from typing import Protocol

from apps.console.ends import End
from apps.console.proxy.websocket import WebSocket, WebSocketWantReadError, WebSocketWantWriteError

CHUNK = 65536
#: A single message a client may send: more than any clipboard, less than what would hurt.
MAX_MESSAGE = 1 << 20
#: How long to wait for the other side to take leave, so that it sees the close code and no reset connection.
FAREWELL_SECONDS = 2.0


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

    def close(self, end: End) -> None:
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

    def close(self, end: End) -> None:
        self._socket.close()


class WebPeer:
    """A browser's WebSocket."""

    def __init__(self, websocket: WebSocket) -> None:
        websocket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._websocket = websocket
        self._arrived = bytearray()
        self._queue: deque[bytes] = deque()

    def fileno(self) -> int:
        return int(self._websocket.fileno())

    def read(self, count: int) -> bytes:
        while len(self._arrived) < count:
            self._arrived += self._message()
        data = bytes(self._arrived[:count])
        del self._arrived[:count]
        return data

    def _message(self) -> bytes:
        try:
            message: bytes | None = self._websocket.recvmsg()
        except WebSocketWantReadError:  # a control frame, or part of a message
            return b""
        if message is None:
            raise EOFError
        return message

    def write(self, data: bytes) -> None:
        self._websocket.sendmsg(data)

    def start(self) -> None:
        self._websocket.setblocking(False)

    def receive(self) -> bytes | None:
        data, self._arrived = bytes(self._arrived), bytearray()
        message: bytes | None
        try:
            while True:
                message = self._websocket.recvmsg()
                if message is None:
                    return data or None
                data += message
                if not self._websocket.pending():
                    return data
        except WebSocketWantReadError:
            return data if self._websocket.unread <= MAX_MESSAGE else None
        except OSError:
            return None

    def send(self, data: bytes) -> None:
        self._queue.append(data)
        self.flush()

    def flush(self) -> None:
        try:
            while self._queue:
                self._websocket.sendmsg(self._queue[0])
                self._queue.popleft()
        except WebSocketWantWriteError:
            pass

    @property
    def backlog(self) -> bool:
        return bool(self._queue)

    def close(self, end: End) -> None:
        """Send the code and wait for the answer: closing at once would reset the connection and lose the code."""
        try:
            if self._websocket.socket is not None:  # dropped by the library when the other side left first
                self._websocket.settimeout(FAREWELL_SECONDS)
                self._websocket.shutdown(socket.SHUT_RDWR, end.code, end.reason)
                self._await_answer()
        except OSError:
            pass

    def _await_answer(self) -> None:
        until = time.monotonic() + FAREWELL_SECONDS
        while time.monotonic() < until:
            try:
                if self._websocket.recvmsg() is None:
                    return
            except WebSocketWantReadError:
                continue
