"""Questions who has an address, as frames, and what counts as an answer."""

from __future__ import annotations

from ipaddress import ip_address

import pytest

from apps.drivers.libvirt.neighbours import claimed, question

OWN = bytes.fromhex("0200000000aa")


@pytest.mark.requirement("EI-1")
def test_a_question_names_the_address_and_nobody_as_its_sender() -> None:
    arp = question(OWN, ip_address("203.0.113.9"))
    assert arp.hex() == (
        "ffffffffffff0200000000aa080600010800060400010200000000aa00000000000000000000cb007109"
    )
    nd = question(OWN, ip_address("2001:db8::12:3456"))
    assert nd[:14].hex() == "3333ff1234560200000000aa86dd"
    assert nd[22:38] == bytes(16) and nd[38:54] == ip_address("ff02::1:ff12:3456").packed
    assert nd[54:58].hex()[:4] == "8700" and nd[62:78] == ip_address("2001:db8::12:3456").packed


def test_who_announces_an_address_has_it() -> None:
    mac = bytes.fromhex("0200000000bb")
    reply = (
        OWN + mac + bytes.fromhex("08060001080006040002") + mac + ip_address("203.0.113.9").packed + bytes(10)
    )
    assert claimed(reply) == (ip_address("203.0.113.9"), "02:00:00:00:00:bb")
    address = ip_address("2001:db8::1").packed
    advertisement = (
        OWN + mac + b"\x86\xdd" + bytes(6) + b"\x3a\xff" + bytes(32) + b"\x88" + bytes(7) + address
    )
    assert claimed(advertisement) == (ip_address("2001:db8::1"), "02:00:00:00:00:bb")


@pytest.mark.parametrize("frame", [b"", bytes(60), OWN * 2 + b"\x08\x06", OWN * 2 + b"\x86\xdd" + bytes(50)])
def test_a_frame_that_is_no_answer_is_none(frame: bytes) -> None:
    assert claimed(frame) is None
