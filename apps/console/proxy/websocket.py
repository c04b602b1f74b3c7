"""A browser's WebSocket: the protocol by `websockets` (its part without input and output), the bytes by TcpPeer."""

from __future__ import annotations

import logging
import math
import socket
import time
from collections.abc import Sequence
from contextlib import suppress
from email.message import Message

from websockets.datastructures import Headers
from websockets.exceptions import NegotiationError
from websockets.frames import CloseCode, Frame, Opcode
from websockets.http11 import Request
from websockets.protocol import SEND_EOF, Protocol, Side, State
from websockets.server import ServerProtocol
from websockets.typing import BytesLike, Subprotocol

from apps.console.close_codes import EndReason
from apps.console.proxy.peers import CHUNK, TcpPeer

#: A single message a client may send: more than any clipboard, less than what would hurt.
MAX_MESSAGE = 1 << 20
#: Bytes that may wait for a client: one part of the screen, and answers to pings of a client that takes none of them.
MAX_QUEUE = 4 * CHUNK
#: How long to wait for the other side's close frame, so that it sees ours and no reset connection.
FAREWELL_SECONDS = 2.0

#: At its finer levels the library logs frames, and with them what people type.
_log = logging.getLogger(f"{__name__}.protocol")
_log.setLevel(logging.ERROR)


class NotAWebSocket(Exception):
    """The request is no opening handshake that is answered here."""


class WebPeer:
    """One side of a session. websockify makes it and calls `accept`: it is the handler's `SocketClass`."""

    def __init__(self, _handler: object) -> None:
        self._protocol = Protocol(Side.SERVER, max_size=MAX_MESSAGE, logger=_log)
        self._arrived = bytearray()
        self._over = False
        self._give_up = math.inf

    def accept(self, connection: socket.socket, headers: Message) -> None:
        """Answer the opening handshake; NotAWebSocket when it is none."""
        handshake = ServerProtocol(select_subprotocol=_select_subprotocol, logger=_log)
        response = handshake.accept(Request("", Headers(headers.items())))
        if response.status_code != 101:
            raise NotAWebSocket(response.reason_phrase)
        self._tcp = TcpPeer(connection)
        self._tcp.write(response.serialize())

    def fileno(self) -> int:
        return self._tcp.fileno()

    def read(self, count: int) -> bytes:
        while len(self._arrived) < count:
            if time.monotonic() > self._give_up:
                raise TimeoutError
            data = self.receive()
            if data is None:
                raise EOFError
            self._arrived += data
        data = bytes(self._arrived[:count])
        del self._arrived[:count]
        return data

    def write(self, data: bytes) -> None:
        self.send(data)

    def block(self, seconds: float, in_all: float = math.inf) -> None:
        """Wait at most so long in each step of the handshake, and for all that is read in it."""
        self._tcp.block(seconds)
        self._give_up = time.monotonic() + in_all

    def start(self) -> None:
        self._tcp.start()

    def receive(self) -> bytes | None:
        if not self._over:
            self._over = not self._take_in()
        data, self._arrived = bytes(self._arrived), bytearray()
        return None if self._over and not data else data

    def _take_in(self) -> bool:
        """Read once; return whether the client may go on."""
        came = self._tcp.receive()
        if came is None:
            return False
        self._protocol.receive_data(came)
        for frame in self._protocol.events_received():
            if isinstance(frame, Frame):  # after the opening handshake it always is
                self._arrived += self._payload(frame)
        self._send_frames()
        # A client that pings and takes no answers fills the queue without the screen's doing.
        return self._protocol.state is State.OPEN and self._tcp.queued_bytes <= MAX_QUEUE

    def _payload(self, frame: Frame) -> BytesLike:
        """Return what a frame holds for the screen; RFB is a stream, to which messages and their parts mean nothing."""
        if frame.opcode is Opcode.TEXT:
            self._protocol.fail(CloseCode.UNSUPPORTED_DATA, "only binary messages are accepted")
        return frame.data if frame.opcode in (Opcode.BINARY, Opcode.CONT) else b""

    def send(self, data: bytes) -> None:
        if self._protocol.state is State.OPEN:
            self._protocol.send_binary(data)
            self._send_frames()

    def _send_frames(self) -> None:
        parts = self._protocol.data_to_send()
        self._tcp.send(b"".join(parts))
        if SEND_EOF in parts:
            self._tcp.send_eof()

    def flush(self) -> None:
        self._tcp.flush()

    @property
    def backlog(self) -> bool:
        return self._tcp.backlog

    def close(self, end: EndReason) -> None:
        """Send the code and wait for the answer: closing at once would reset the connection and lose the code."""
        with suppress(OSError):
            self.block(FAREWELL_SECONDS)
            if self._protocol.state is State.OPEN:
                self._protocol.send_close(end.code, end.reason)
            self._send_frames()
            self._await_answer()

    def _await_answer(self) -> None:
        until = time.monotonic() + FAREWELL_SECONDS
        while self._protocol.close_rcvd is None and time.monotonic() < until:
            data = self._tcp.receive()
            if data is None:
                return
            self._protocol.receive_data(data)
            # Nothing but the answer counts any more: a client that goes on sending must not fill our memory.
            self._protocol.events_received()
            self._protocol.data_to_send()


def _select_subprotocol(_protocol: ServerProtocol, offered: Sequence[Subprotocol]) -> Subprotocol | None:
    if offered and "binary" not in offered:
        raise NegotiationError("the subprotocol must be binary")
    return Subprotocol("binary") if offered else None
