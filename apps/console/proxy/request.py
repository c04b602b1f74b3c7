"""The HTTP request that opens a WebSocket, by websockify's handler, with limits to its size and time."""

from __future__ import annotations

import http.client
import socket
import threading
from contextlib import suppress
from typing import Any

from websockify.websocketserver import WebSocketRequestHandler


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


class RequestHandler(WebSocketRequestHandler):
    """One HTTP request, which must ask for a WebSocket.

    Its head is limited in size, and cut when it is not there in time, however many pieces it comes in.
    """

    protocol_version = "HTTP/1.1"
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

    def do_GET(self) -> None:
        """Answer a request for anything but a WebSocket."""
        self.send_error(405)

    do_HEAD = do_GET  # http.server's name

    def log_message(self, format: str, *args: Any) -> None:
        """Log nothing here: the request line holds the ticket's token."""

    def _cut(self) -> None:
        with suppress(OSError):
            self.connection.shutdown(socket.SHUT_RDWR)
