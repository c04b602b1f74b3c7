"""What a session costs the console proxy, and how fast it carries a screen: a screen of the test's own, no host."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress

import pytest

from apps.accounts.models import Project, User
from apps.compute.models import Vm
from apps.console.proxy import rfb
from apps.console.proxy.peers import TcpPeer
from tests.bench.report import Figure, report
from tests.console.conftest import Proxy, running_proxy
from tests.console.factories import issued_token, make_vm, ready_ticket
from tests.console.viewer import WebStream, web_viewer

pytestmark = [pytest.mark.bench, pytest.mark.django_db(transaction=True), pytest.mark.timeout(600)]

SESSIONS = 100
MIB = 1 << 20
SCREEN_MIB, PASTE_MIB = 256, 8
SERVER_INIT = b"\x02\x00\x01\x00" + bytes(16) + b"\0\0\0\4test"


class Screen:
    """A VNC server that believes every password. A key stands for an order: "d" sends a picture, "u" counts input."""

    def __init__(self) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=SESSIONS)
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def where(self) -> tuple[str, int]:
        address: tuple[str, int] = self.listener.getsockname()
        return address

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self.listener.accept()
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        peer = TcpPeer(connection)
        with suppress(OSError, EOFError):
            peer.write(rfb.VERSION)
            peer.read(len(rfb.VERSION))
            peer.write(bytes([1, rfb.VNC_AUTHENTICATION]))
            peer.read(1)
            peer.write(bytes(rfb.CHALLENGE_BYTES))
            peer.read(rfb.CHALLENGE_BYTES)
            peer.write(bytes(4))
            peer.read(1)
            peer.write(SERVER_INIT)
            while order := peer.read(1):
                if order == b"d":
                    picture = bytes(65536)
                    for _ in range(SCREEN_MIB * MIB // len(picture)):
                        peer.write(picture)
                else:
                    peer.read(PASTE_MIB * MIB)
                    peer.write(b"!")


@pytest.fixture
def screen() -> Iterator[Screen]:
    made = Screen()
    yield made
    made.listener.close()


@pytest.fixture
def own_proxy(db: None) -> Iterator[Proxy]:
    plain = {"SCLOUD_VNC_CERT": "", "SCLOUD_VNC_KEY": "", "SCLOUD_VNC_CA": ""}
    with running_proxy(SCLOUD_CONSOLE_NATIVE_PORTS="", **plain) as running:
        yield running


@pytest.fixture
def vm(project_a: Project) -> Vm:
    return make_vm(project_a)


def _stream(proxy: Proxy, screen: Screen, user: User, vm: Vm) -> WebStream:
    token = issued_token(user, ready_ticket(user, vm, where=screen.where))
    stream = web_viewer(proxy.url, token).stream
    assert isinstance(stream, WebStream)
    return stream


def _pull(stream: WebStream) -> float:
    """Return the MiB/s of a picture."""
    started, left = time.monotonic(), SCREEN_MIB * MIB
    stream.write(b"d")
    while left > 0:
        left -= len(stream.websocket.recv(timeout=60))
    return SCREEN_MIB / (time.monotonic() - started)


def _push(stream: WebStream) -> float:
    """Return the MiB/s of a paste."""
    started = time.monotonic()
    stream.write(b"u")
    for _ in range(PASTE_MIB * MIB // 65536):
        stream.write(bytes(65536))
    assert stream.read(1) == b"!"
    return PASTE_MIB / (time.monotonic() - started)


def test_a_session(own_proxy: Proxy, screen: Screen, otto: User, vm: Vm) -> None:
    with ExitStack() as stack:
        first = _stream(own_proxy, screen, otto, vm)
        stack.callback(first.websocket.close)
        idle = own_proxy.rss_mib
        for _ in range(SESSIONS):
            stack.callback(_stream(own_proxy, screen, otto, vm).websocket.close)
        each = (own_proxy.rss_mib - idle) / SESSIONS
        report(
            "console",
            [
                Figure("process with one session", idle, "MiB"),
                Figure("each further session", each * 1024, "KiB"),
                Figure("picture", max(_pull(first) for _ in range(3)), "MiB/s"),
                Figure("paste", max(_push(first) for _ in range(3)), "MiB/s"),
            ],
        )
