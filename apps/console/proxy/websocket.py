"""websockify's WebSocket server side, without what it would cost and without what it would log."""

from __future__ import annotations

import http.client
import socket
import sys
import threading
import warnings
from contextlib import suppress
from typing import Any

# websockify unmasks with numpy when it is there. What clients send is keys and pointer moves, for which plain Python is
# as fast, and numpy would be a fifth of this process's memory: hide it for the length of this import.
hidden = sys.modules.pop("numpy", None)
sys.modules["numpy"] = None  # type: ignore[assignment]
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from websockify.websocket import WebSocketWantReadError, WebSocketWantWriteError
    from websockify.websockifyserver import CompatibleWebSocket, WebSockifyRequestHandler
del sys.modules["numpy"]
if hidden is not None:
    sys.modules["numpy"] = hidden

__all__ = ["RequestHandler", "WebSocket", "WebSocketWantReadError", "WebSocketWantWriteError"]


class WebSocket(CompatibleWebSocket):
    """A browser's connection."""

    @property
    def unread(self) -> int:
        """Bytes received that are no whole message yet."""
        return len(self._recv_buffer) + len(self._partial_msg)

    def handle_ping(self, data: bytes) -> None:
        """Answer, unless a message is half sent: the library cannot put a frame between."""
        if self._previous_sendmsg is None:
            super().handle_ping(data)


class BoundedHead:
    """Reads the lines of a head, up to so many bytes of them all."""

    def __init__(self, stream: Any, most: int) -> None:
        self._stream, self._left = stream, most

    def readline(self, size: int = -1) -> bytes:
        """Return a line. Raises LineTooLong, which http.server answers with 431."""
        line: bytes = self._stream.readline(size)
        self._left -= len(line)
        if self._left < 0:
            raise http.client.LineTooLong("head")
        return line

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


class RequestHandler(WebSockifyRequestHandler):
    """One HTTP request, which must ask for a WebSocket.

    Its head is limited in size, and cut when it is not there in time, however many pieces it comes in.
    """

    SocketClass = WebSocket
    server_version = "console"
    sys_version = ""
    #: Seconds to wait for the head, the whole of it, and the bytes it may have.
    timeout = 10
    most_bytes = 32 * 1024

    def setup(self) -> None:
        """Limit the head."""
        super().setup()
        self.rfile = BoundedHead(self.rfile, self.most_bytes)  # type: ignore[has-type]  # its base is untyped
        self._late = threading.Timer(self.timeout, self._cut)
        self._late.daemon = True
        self._late.start()

    def finish(self) -> None:
        """Keep no timer running."""
        self._late.cancel()
        super().finish()

    def in_time(self) -> None:
        """The head is read: nothing is cut any more."""
        self._late.cancel()

    def _cut(self) -> None:
        with suppress(OSError):
            self.connection.shutdown(socket.SHUT_RDWR)

    def log_message(self, format: str, *args: Any) -> None:
        """Log nothing here: the request line holds the ticket's token."""
