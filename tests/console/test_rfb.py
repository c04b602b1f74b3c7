"""The RFB handshake on both sides, against each other and against bytes other programs send."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from apps.console.proxy import rfb
from apps.console.proxy.peers import TcpPeer


@pytest.fixture
def ends() -> Iterator[tuple[TcpPeer, TcpPeer]]:
    """A client's and a server's end of one connection."""
    listener = socket.create_server(("127.0.0.1", 0))
    near = socket.create_connection(listener.getsockname(), timeout=5)
    far, _ = listener.accept()
    far.settimeout(5)
    yield TcpPeer(near), TcpPeer(far)
    for end in (near, far, listener):
        end.close()


def test_des_is_vncs_own_kind() -> None:
    # bytes 0 to 15 | openssl enc -des-ecb -provider legacy -nopad -K cea6c64ea62e8c4c ("secret12", bits mirrored)
    answer = bytes.fromhex("adcd997f8e16fee575e973f93c2b62b4")
    assert rfb.des_response("secret12", bytes(range(16))) == answer
    assert rfb.des_response("secret12ignored", bytes(range(16))) == answer, "VNC looks at 8 characters"


def test_the_right_password_is_known_and_a_wrong_one_is_refused_with_the_reason(
    ends: tuple[TcpPeer, TcpPeer],
) -> None:
    client, server = ends
    with ThreadPoolExecutor(1) as pool:
        logging_in = pool.submit(rfb.log_in, client, "abcdEF12")
        assert rfb.challenge(server, "abcdEF12")
        rfb.succeed(server)
        logging_in.result()

        logging_in = pool.submit(rfb.log_in, client, "abcdEF13")
        assert not rfb.challenge(server, "abcdEF12")
        rfb.fail(server, "Wrong password.")
        with pytest.raises(rfb.WrongPassword, match=r"Wrong password\."):
            logging_in.result()


@pytest.mark.requirement("SE-3")
def test_a_screen_that_asks_for_no_password_is_not_used(ends: tuple[TcpPeer, TcpPeer]) -> None:
    client, server = ends
    server.write(b"RFB 003.008\n\x01\x01")
    with pytest.raises(rfb.RfbError, match="does not require a password"):
        rfb.log_in(client, "abcdEF12")


def test_a_screen_that_refuses_says_why(ends: tuple[TcpPeer, TcpPeer]) -> None:
    client, server = ends
    server.write(b"RFB 003.008\n\x00\x00\x00\x00\x08Too many")
    with pytest.raises(rfb.RfbError, match="Too many"):
        rfb.log_in(client, "abcdEF12")


@pytest.mark.parametrize("greeting", [b"HTTP/1.1 400", b"RFB 003.003\n"])
def test_a_client_that_speaks_something_else_is_sent_away(
    ends: tuple[TcpPeer, TcpPeer], greeting: bytes
) -> None:
    client, server = ends
    client.write(greeting)
    with pytest.raises(rfb.RfbError):
        rfb.admit(server)


def test_every_viewer_shares_the_screen_so_that_none_throws_out_another(
    ends: tuple[TcpPeer, TcpPeer],
) -> None:
    client, server = ends
    client.write(b"\x00")  # a viewer that wants the screen for itself
    rfb.join(server, server)
    assert client.read(1) == b"\x01"
