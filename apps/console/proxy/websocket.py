"""websockify's WebSocket server side, without what it would cost and without what it would log."""

from __future__ import annotations

import sys
import warnings
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


class RequestHandler(WebSockifyRequestHandler):
    """One HTTP request, which must ask for a WebSocket."""

    SocketClass = WebSocket
    server_version = "console"
    sys_version = ""
    #: Seconds to wait for the request's lines.
    timeout = 10

    def log_message(self, format: str, *args: Any) -> None:
        """Log nothing here: the request line holds the ticket's token."""
