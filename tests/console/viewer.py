"""A VNC viewer for tests: over a WebSocket without a password, or over TCP with one."""

from __future__ import annotations

import socket
import struct
from dataclasses import dataclass
from typing import Protocol

from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from apps.console.proxy import rfb
from apps.console.proxy.peers import TcpPeer

SECONDS = 20


class Stream(Protocol):
    def read(self, count: int) -> bytes: ...
    def write(self, data: bytes) -> None: ...


class WebStream:
    def __init__(self, websocket: ClientConnection) -> None:
        self.websocket = websocket
        self._arrived = b""

    def read(self, count: int) -> bytes:
        while len(self._arrived) < count:
            message = self.websocket.recv(timeout=SECONDS)
            assert isinstance(message, bytes)
            self._arrived += message
        data, self._arrived = self._arrived[:count], self._arrived[count:]
        return data

    def write(self, data: bytes) -> None:
        self.websocket.send(data)


@dataclass
class Viewer:
    """A viewer that sees a screen of `width` x `height`."""

    stream: Stream
    width: int
    height: int

    @classmethod
    def of(cls, stream: Stream) -> Viewer:
        """Finish the handshake after authentication."""
        stream.write(b"\x01")
        width, height = struct.unpack(">HH", stream.read(4))
        stream.read(16)
        (length,) = struct.unpack(">I", stream.read(4))
        stream.read(length)
        return cls(stream, width, height)

    def press(self, text: str) -> None:
        """Press and release keys."""
        for character in text:
            for down in (1, 0):
                self.stream.write(struct.pack(">BBxxI", 4, down, ord(character)))

    def ask_for_picture(self, changes_only: bool = True) -> None:
        """Ask for the whole screen, or for what changes."""
        self.stream.write(struct.pack(">BBHHHH", 3, changes_only, 0, 0, self.width, self.height))

    def picture(self) -> int:
        """Return how many pixels of the next picture are not black. 32 bits a pixel, as QEMU offers by itself."""
        kind, rectangles = struct.unpack(">BxH", self.stream.read(4))
        assert kind == 0
        pixels = b""
        for _ in range(rectangles):
            _x, _y, width, height, encoding = struct.unpack(">HHHHi", self.stream.read(12))
            assert encoding == 0
            pixels += self.stream.read(4 * width * height)
        return sum(1 for at in range(0, len(pixels), 4) if pixels[at : at + 3] != b"\0\0\0")


def web_viewer(url: str, token: str, session: str = "") -> Viewer:
    """Connect as a browser does."""
    headers = {"Cookie": f"sessionid={session}"} if session else {}
    websocket = connect(
        f"{url}?token={token}", origin="http://127.0.0.1:8000", additional_headers=headers, max_size=None
    )
    stream = WebStream(websocket)
    greeting = stream.read(12)
    assert greeting == rfb.VERSION
    stream.write(greeting)
    assert stream.read(2) == b"\x01\x01", "no password is asked for"
    stream.write(b"\x01")
    assert stream.read(4) == b"\0\0\0\0"
    return Viewer.of(stream)


def native_viewer(address: tuple[str, int], password: str, source: str = "127.0.0.1") -> Viewer:
    """Connect as a VNC client of the user's own does; rfb.WrongPassword when it is not let in."""
    stream = TcpPeer(socket.create_connection(address, timeout=SECONDS, source_address=(source, 0)))
    rfb.log_in(stream, password)
    return Viewer.of(stream)


def how_it_ends(viewer: Viewer) -> tuple[int, str]:
    """Read on until the proxy closes the WebSocket, and return its code and reason."""
    assert isinstance(viewer.stream, WebStream)
    try:
        while True:
            viewer.stream.websocket.recv(timeout=SECONDS)
    except ConnectionClosed as closed:
        assert closed.rcvd is not None, "the connection broke instead of being closed"
        return closed.rcvd.code, closed.rcvd.reason


def is_cut(viewer: Viewer) -> bool:
    """Read on until the proxy closes the TCP connection."""
    try:
        while True:
            viewer.stream.read(1)
    except (EOFError, ConnectionResetError):
        return True
