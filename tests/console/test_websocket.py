"""The browser's side on the wire: what is agreed at the opening, and what ends a connection."""

from __future__ import annotations

import socket
import struct
import threading
import time
import tracemalloc
from collections.abc import Iterator
from contextlib import suppress
from email.message import Message

import pytest
from onebox.shell import patience
from websockets.exceptions import InvalidStatus
from websockets.frames import Frame, Opcode
from websockets.sync.client import connect
from websockets.typing import Subprotocol

from apps.console.close_codes import EndReason
from apps.console.proxy.websocket import MAX_MESSAGE, MAX_QUEUE, NotAWebSocket, WebPeer
from tests.console.conftest import Proxy

pytestmark = [pytest.mark.requirement("SE-5")]

OPENING = {
    "Upgrade": "websocket",
    "Connection": "Upgrade",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
}


def headers_of(**changed: str) -> Message:
    headers = Message()
    for name, value in {**OPENING, **changed}.items():
        headers[name] = value
    return headers


def frame(opcode: Opcode, data: bytes = b"", *, fin: bool = True, mask: bool = True) -> bytes:
    return Frame(opcode, data, fin).serialize(mask=mask)


def close_code(received: bytes) -> int:
    """Return the code of the close frame at the end of what was received."""
    assert received[0] == 0x80 | Opcode.CLOSE
    (code,) = struct.unpack(">H", received[2:4])
    return int(code)


@pytest.fixture
def ends() -> Iterator[tuple[socket.socket, WebPeer]]:
    """A client's socket behind its opening handshake, and the proxy's peer, which no longer waits."""
    listener = socket.create_server(("127.0.0.1", 0))
    client = socket.create_connection(listener.getsockname(), timeout=5)
    accepted, _ = listener.accept()
    peer = WebPeer(None)
    peer.accept(accepted, headers_of())
    assert client.recv(4096).startswith(b"HTTP/1.1 101 ")
    peer.block(5)
    yield client, peer
    for end in (client, accepted, listener):
        end.close()


def received(peer: WebPeer) -> bytes:
    """Return all that comes until the peer says that the client is gone."""
    data = b""
    while (part := peer.receive()) is not None:
        data += part
    return data


@pytest.mark.django_db(transaction=True)
def test_the_binary_subprotocol_is_agreed_on_and_compression_is_not(proxy: Proxy) -> None:
    with connect(proxy.url, subprotocols=[Subprotocol("binary")], compression="deflate") as websocket:
        assert (websocket.subprotocol, websocket.protocol.extensions) == ("binary", [])
    with pytest.raises(InvalidStatus), connect(proxy.url, subprotocols=[Subprotocol("text")]):
        pass


@pytest.mark.parametrize(
    "changed", [{"Sec-WebSocket-Key": "short"}, {"Sec-WebSocket-Version": "7"}, {"Connection": "close"}]
)
def test_what_is_no_opening_handshake_is_refused(changed: dict[str, str]) -> None:
    near, far = socket.socketpair()
    with near, far, pytest.raises(NotAWebSocket):
        WebPeer(None).accept(near, headers_of(**changed))


def test_messages_in_parts_with_pings_between_are_one_stream(ends: tuple[socket.socket, WebPeer]) -> None:
    client, peer = ends
    client.sendall(
        frame(Opcode.BINARY, b"ab", fin=False)
        + frame(Opcode.PING, b"?")
        + frame(Opcode.CONT, b"cd")
        + frame(Opcode.BINARY, b"e")
        + frame(Opcode.CLOSE, struct.pack(">H", 1000))
    )
    assert peer.read(3) == b"abc"
    assert received(peer) == b"de", "what was typed last arrives, although the client has left"
    assert client.recv(4096) == frame(Opcode.PONG, b"?", mask=False) + frame(
        Opcode.CLOSE, struct.pack(">H", 1000), mask=False
    )


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        (frame(Opcode.TEXT, b"hello"), 1003),
        (frame(Opcode.BINARY, b"hello", mask=False), 1002),
        (frame(Opcode.CONT, b"hello"), 1002),
        (b"\x82\xff" + struct.pack(">Q", MAX_MESSAGE + 1) + bytes(4), 1009),
        (frame(Opcode.BINARY, bytes(MAX_MESSAGE), fin=False) + frame(Opcode.CONT, b"x"), 1009),
    ],
    ids=["text", "not masked", "no beginning", "too large", "too large in parts"],
)
def test_what_a_client_may_not_send_ends_the_connection_with_a_code(
    ends: tuple[socket.socket, WebPeer], sent: bytes, code: int
) -> None:
    client, peer = ends
    client.sendall(sent)
    client.shutdown(socket.SHUT_WR)
    assert len(received(peer)) <= MAX_MESSAGE
    peer.close(EndReason.CLOSED)
    assert close_code(client.recv(4096)) == code


def test_a_client_that_pings_and_takes_no_answer_is_cut(ends: tuple[socket.socket, WebPeer]) -> None:
    client, peer = ends
    peer.start()
    client.setblocking(False)
    pings, sent = frame(Opcode.PING, bytes(125)) * 500, 0
    while peer.receive() is not None:
        try:
            sent += client.send(pings[sent % len(pings) :])
        except BlockingIOError:
            continue
        assert sent < 64 * MAX_QUEUE, "answers pile up"


def test_a_closed_connection_is_given_its_code_and_time_to_answer(
    ends: tuple[socket.socket, WebPeer],
) -> None:
    client, peer = ends
    client.sendall(frame(Opcode.CLOSE, struct.pack(">H", 1000)))  # both at once
    peer.close(EndReason.IDLE)
    assert close_code(client.recv(4096)) == EndReason.IDLE.code


def send_all_the_time(client: socket.socket, what: bytes) -> threading.Thread:
    def send() -> None:
        with suppress(OSError):
            while True:
                client.sendall(what)

    thread = threading.Thread(target=send, daemon=True)
    thread.start()
    return thread


@pytest.mark.parametrize("opcode", [Opcode.BINARY, Opcode.PING])
def test_what_comes_after_the_close_frame_is_kept_nowhere(
    ends: tuple[socket.socket, WebPeer], opcode: Opcode
) -> None:
    """Whoever is refused may go on sending until we have waited for the answer: 100 MB a second and connection."""
    client, peer = ends
    flood = send_all_the_time(client, frame(opcode, bytes(100)) * 1000)
    tracemalloc.start()
    peer.close(EndReason.REFUSED)
    kept, _most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    peer._tcp.close(EndReason.CLOSED)
    flood.join(5)
    assert kept < 1 << 20


def test_a_client_that_only_pings_is_not_waited_for(ends: tuple[socket.socket, WebPeer]) -> None:
    client, peer = ends
    peer.block(5, 0.3)
    flood = send_all_the_time(client, frame(Opcode.PING))
    began = time.monotonic()
    with pytest.raises(TimeoutError):
        peer.read(1)
    assert time.monotonic() - began < patience(3)
    peer._tcp.close(EndReason.CLOSED)
    client.close()
    flood.join(5)
