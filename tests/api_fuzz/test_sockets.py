"""SE-5: whatever comes in over a WebSocket, of pages or of the console: it is closed or ignored, and nothing breaks."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from tests import factories
from tests.platform_fixtures import Platform

pytestmark = [pytest.mark.real, pytest.mark.requirement("SE-1", "SE-5")]

MOST_BYTES = 65_536
#: From RFC 6455, section 7.4.1.
CLOSE_TOO_BIG = 1009
ODD_ORIGINS = ["http://evil.example", "null", "http://[bad", "http://a:99999999", "file://", "\xff", ""]
#: First bytes of frames: reserved bits, an opcode there is none of, unmasked, a ping that is too long, no text.
ODD_FRAMES = [
    b"\xf1\x80abcd",
    b"\x8f\x80abcd",
    b"\x81\x05hello",
    b"\x89\xfe\x01\x00" + bytes(260),
    b"\x81\x82\0\0\0\0\xff\xfe",
]


@dataclass
class Running:
    """The platform's web process and console proxy, and somebody's login."""

    platform: Platform
    session: str

    @property
    def page(self) -> str:
        return f"ws://127.0.0.1:{self.platform.port}/ws/page/"

    @property
    def console(self) -> str:
        return f"ws://127.0.0.1:{self.platform.instance.console_port}/console-proxy/"

    @property
    def login(self) -> dict[str, str]:
        return {"Cookie": f"sessionid={self.session}"}

    def is_well(self) -> None:
        """Both still take connections, and neither has anything to complain of."""
        with connect(self.page, origin=self.origin, additional_headers=self.login) as page:
            assert page.recv(timeout=20) == '{"ready": true}'
        with connect(self.console) as console, pytest.raises(ConnectionClosed):
            console.recv(timeout=20)
        for name, words in (("web", "Exception in ASGI"), ("console", "Traceback")):
            assert words not in self.platform.log(name), self.platform.log(name)[-3000:]

    def upgrade(self, path: str, port: int) -> bytes:
        """Return the request for a WebSocket."""
        lines = [
            f"GET {path} HTTP/1.1",
            f"Host: 127.0.0.1:{port}",
            "Upgrade: websocket",
            "Connection: Upgrade",
            "Sec-WebSocket-Version: 13",
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
            f"Origin: {self.origin}",
            f"Cookie: sessionid={self.session}",
        ]
        return "\r\n".join([*lines, "", ""]).encode()

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.platform.port}"


@pytest.fixture(scope="module")
def running(memory_platform: Platform) -> Iterator[Running]:
    memory_platform.start("web", "console")
    owner = factories.make_owner(factories.make_tenant())
    yield Running(memory_platform, factories.page_client(owner).cookies["sessionid"].value)


@pytest.mark.parametrize(
    "sent", ["{", "\0", "[" * 10_000, '{"type": "page.closed"}', b"", b"\xff\xfe", os.urandom(9_000)]
)
def test_a_page_that_sends_something_is_not_listened_to(running: Running, sent: str | bytes) -> None:
    with connect(running.page, origin=running.origin, additional_headers=running.login) as page:
        assert page.recv(timeout=20) == '{"ready": true}'
        for _ in range(20):
            page.send(sent)
        page.ping().wait(20)
    running.is_well()


def test_a_frame_that_is_too_large_ends_the_connection(running: Running) -> None:
    # Its head alone: what is sent after that would meet a closed connection, and the answer be lost with it.
    head = b"\x81\xff" + (MOST_BYTES + 1).to_bytes(8, "big") + bytes(4)
    answer = _exchange(running.platform.port, running.upgrade("/ws/page/", running.platform.port), head)
    _before, close, reason = answer.partition(b"\x88")
    assert close and reason[1:3] == CLOSE_TOO_BIG.to_bytes(2, "big"), answer
    running.is_well()


@pytest.mark.parametrize("origin", ODD_ORIGINS)
def test_a_page_of_anybody_else_is_turned_away(running: Running, origin: str) -> None:
    with (
        pytest.raises(InvalidStatus) as refused,
        connect(running.page, origin=origin, additional_headers=running.login),
    ):  # type: ignore[arg-type]
        pass
    assert refused.value.response.status_code == 403
    running.is_well()


@pytest.mark.parametrize("origin", ODD_ORIGINS[:-1])
def test_the_console_is_for_pages_of_ours_too(running: Running, origin: str) -> None:
    with (
        connect(f"{running.console}?token=x", origin=origin) as console,
        pytest.raises(ConnectionClosed) as closed,
    ):  # type: ignore[arg-type]
        console.recv(timeout=20)
    assert closed.value.rcvd is not None and closed.value.rcvd.code >= 4400
    running.is_well()


@pytest.mark.parametrize(
    "query", ["token=%00", "token=%ff", "token=" + "x" * 9_000, "token[]=1", "&&;=%", "token=a&token=b"]
)
def test_a_token_that_is_none_is_refused(running: Running, query: str) -> None:
    cookie = {"Cookie": 'sessionid="\\000aaaaaaaa"; ;;=;'}
    with (
        connect(f"{running.console}?{query}", additional_headers=cookie) as console,
        pytest.raises(ConnectionClosed),
    ):
        console.recv(timeout=20)
    running.is_well()


def _exchange(port: int, data: bytes, then: bytes) -> bytes:
    """Send bytes, wait for an answer, send more, and return what is read until the other side closes."""
    found = []
    with socket.create_connection(("127.0.0.1", port), timeout=20) as peer:
        peer.sendall(data)
        if then:
            assert peer.recv(4096).startswith(b"HTTP/1.1 101")
            peer.sendall(then)
        while part := peer.recv(4096):
            found.append(part)
    return b"".join(found)


@pytest.mark.parametrize("frame", ODD_FRAMES)
def test_frames_that_are_none_end_the_connection(running: Running, frame: bytes) -> None:
    ports = {"/ws/page/": running.platform.port, "/console-proxy/": running.platform.instance.console_port}
    for path, port in ports.items():
        _exchange(port, running.upgrade(path, port), frame)
    running.is_well()


@pytest.mark.parametrize(
    "data", [b"\0" * 100 + b"\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"\x16\x03\x01\x02\0\r\n\r\n"]
)
def test_what_is_no_request_is_closed(running: Running, data: bytes) -> None:
    for port in (running.platform.port, running.platform.instance.console_port):
        _exchange(port, data, b"")
    running.is_well()
