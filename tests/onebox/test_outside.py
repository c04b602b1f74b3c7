"""What answers outside the platform."""

from __future__ import annotations

import socket
import struct
from ipaddress import ip_address

import pytest
from onebox.outside_networks import NETWORKS
from onebox.outside_server import answer, answer_name, udp

QUESTION = b"\x12\x34\x01\x00" + struct.pack("!4H", 1, 0, 0, 0) + b"\x07example\x00"


@pytest.mark.parametrize(("kind", "address"), [(1, "198.51.100.10"), (28, "2001:db8:ffff::10")])
def test_every_name_is_the_server_of_the_internet(kind: int, address: str) -> None:
    text = answer(QUESTION + struct.pack("!HH", kind, 1))
    assert text is not None
    assert text[:2] == b"\x12\x34" and text[2] & 0x80
    assert struct.unpack_from("!4H", text, 4) == (1, 1, 0, 0)
    assert text.endswith(ip_address(address).packed)


@pytest.mark.parametrize(
    ("family", "everywhere", "asked"),
    [(socket.AF_INET, "", "127.0.0.2"), (socket.AF_INET6, "::", "::1")],
)
def test_a_name_is_answered_from_the_address_that_was_asked(family: int, everywhere: str, asked: str) -> None:
    with udp(family, everywhere, 0) as server, socket.socket(family, socket.SOCK_DGRAM) as client:
        client.settimeout(5)
        client.connect((asked, server.getsockname()[1]))  # takes answers from there only
        client.send(QUESTION + struct.pack("!HH", 1, 1))
        answer_name(server)
        assert client.recv(1500).endswith(ip_address("198.51.100.10").packed)


def test_another_kind_of_question_has_no_answer_and_no_question_gets_none() -> None:
    text = answer(QUESTION + struct.pack("!HH", 16, 1))
    assert text is not None and struct.unpack_from("!4H", text, 4) == (1, 0, 0, 0)
    assert [answer(raw) for raw in (b"", QUESTION, QUESTION[:14], b"\xff" * 40)] == [None] * 4


def test_gateways_and_the_edge_have_addresses_of_their_own_in_each_block() -> None:
    for network in NETWORKS:
        for block in network.blocks:
            assert block.gateway != block.router_address
