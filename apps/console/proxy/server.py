"""The WebSocket side: one thread per connection, which costs a tenth of websockify's process per connection."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import HTTPServer
from socketserver import ThreadingMixIn
from typing import Any
from urllib.parse import parse_qs, urlsplit

from apps.console.close_codes import EndReason, Refusal
from apps.console.proxy import rfb
from apps.console.proxy.admission import admit_browser
from apps.console.proxy.request import RequestHandler
from apps.console.proxy.sessions import ADMISSION_SECONDS, HANDSHAKE_SECONDS, Sessions, serve
from apps.console.proxy.websocket import WebPeer

log = logging.getLogger(__name__)

#: Connections at one time, sessions and what is not one yet.
MAX_CONNECTIONS = 1000


class ConsoleHandler(RequestHandler):
    """One browser's connection."""

    SocketClass = WebPeer
    server: ConsoleServer
    #: websockify puts what `SocketClass` made in the connection's place.
    request: WebPeer

    def handle_websocket(self) -> None:
        """Called by websockify once the WebSocket is open. Refusals come this late on purpose: a browser does not tell
        its page why an upgrade failed, but it does pass a close code on."""
        self.in_time()
        with self.server.websocket():
            self.request.block(HANDSHAKE_SECONDS, ADMISSION_SECONDS)
            self.request.close(self._session(self.request))

    def _session(self, browser: WebPeer) -> EndReason:
        try:
            token = parse_qs(urlsplit(self.path).query).get("token", [""])[0]
            admitted = admit_browser(self.headers.get("Origin", ""), self.headers.get("Cookie", ""), token)
            return serve(self.server.sessions, admitted, browser, lambda: rfb.admit(browser))
        except Refusal as refusal:
            log.info("console refused to %s: %s", self.client_address[0], refusal.end.reason)
            return refusal.end
        except Exception:
            log.exception("console connection failed")
            return EndReason.RESTARTING


class ConsoleServer(ThreadingMixIn, HTTPServer):
    """Accepts WebSockets only; any other request is answered 405."""

    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], sessions: Sessions) -> None:
        super().__init__(address, ConsoleHandler)
        self.sessions = sessions
        self._connections = threading.BoundedSemaphore(MAX_CONNECTIONS)
        self._lock = threading.Lock()
        self._websockets = 0

    @property
    def websockets(self) -> int:
        """How many WebSockets have no close code sent yet."""
        return self._websockets

    @contextmanager
    def websocket(self) -> Iterator[None]:
        """Count one until its close code is sent, which is later than the end of its session."""
        with self._lock:
            self._websockets += 1
        try:
            yield
        finally:
            with self._lock:
                self._websockets -= 1

    def process_request(self, request: Any, client_address: Any) -> None:
        """Start a thread, or drop the connection when there are too many."""
        if not self._connections.acquire(blocking=False):
            self.shutdown_request(request)
            return
        super().process_request(request, client_address)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Count the connection out at its end."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._connections.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A connection that broke before it was a session is nothing to report; anything else is caught above."""
        log.debug("connection from %s failed", client_address, exc_info=True)


def split_address(text: str) -> tuple[str, int]:
    """Return host and port of "host:port"."""
    host, _, port = text.rpartition(":")
    return host.strip("[]"), int(port)
