"""Passwords in guests: what the agent is asked, what its refusals come to, and that a password is shown nowhere."""

from __future__ import annotations

import json
from base64 import b64decode
from typing import Any

import libvirt
import libvirt_qemu
import pytest

from apps.drivers.errors import DriverError
from apps.drivers.libvirt import guest_password
from apps.drivers.specs import GuestPassword
from tests.drivers.contracts.fabric import refused
from tests.drivers.samples import new_id
from tests.drivers.test_guest_agent import Domain

pytestmark = pytest.mark.requirement("VM-4")

WANTED = GuestPassword(new_id(), "root", "Top-secret-4711")


class Failure(libvirt.libvirtError):  # type: ignore[misc]  # no stubs
    """An error of libvirt by its number."""

    def __init__(self, code: int) -> None:
        self.code = code

    def get_error_code(self) -> int:
        return self.code

    def __str__(self) -> str:
        return "the agent said something"


def fails(monkeypatch: pytest.MonkeyPatch, code: int) -> None:
    def ask(*_: Any) -> str:
        raise Failure(code)

    monkeypatch.setattr(libvirt_qemu, "qemuAgentCommand", ask)


@pytest.mark.parametrize("is_hash", [False, True])
def test_the_agent_is_asked_to_set_the_password(monkeypatch: pytest.MonkeyPatch, is_hash: bool) -> None:
    asked: list[dict[str, Any]] = []

    def ask(_domain: Any, command: str, *_: Any) -> str:
        asked.append(json.loads(command))
        return '{"return": {}}'

    monkeypatch.setattr(libvirt_qemu, "qemuAgentCommand", ask)
    guest_password.ensure(Domain(), GuestPassword(WANTED.id, "Administrator", "pässword", is_hash))
    (one,) = asked
    assert one["execute"] == "guest-set-user-password"
    assert (one["arguments"]["username"], one["arguments"]["crypted"]) == ("Administrator", is_hash)
    assert b64decode(one["arguments"]["password"]).decode() == "pässword"


@pytest.mark.parametrize(
    ("code", "said"),
    [
        (libvirt.VIR_ERR_AGENT_UNRESPONSIVE, "hypervisor.guest_agent_silent"),
        (libvirt.VIR_ERR_AGENT_UNSYNCED, "hypervisor.guest_agent_silent"),
        (libvirt.VIR_ERR_INTERNAL_ERROR, "hypervisor.password_refused"),
    ],
)
def test_a_refusal_and_silence_are_told_apart(monkeypatch: pytest.MonkeyPatch, code: int, said: str) -> None:
    fails(monkeypatch, code)
    with pytest.raises(DriverError) as caught:
        guest_password.ensure(Domain(), WANTED)
    assert (caught.value.code, caught.value.permanent) == (said, said == "hypervisor.password_refused")


def test_an_answer_that_makes_no_sense_is_silence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(libvirt_qemu, "qemuAgentCommand", lambda *_: "no JSON")
    with refused("hypervisor.guest_agent_silent"):
        guest_password.ensure(Domain(), WANTED)


def test_without_an_agent_nothing_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(libvirt_qemu, "qemuAgentCommand")
    with refused("hypervisor.no_guest_agent"):
        guest_password.ensure(Domain("disconnected"), WANTED)


def test_a_password_is_in_no_text_of_the_order_nor_of_its_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    fails(monkeypatch, libvirt.VIR_ERR_INTERNAL_ERROR)
    with pytest.raises(DriverError) as caught:
        guest_password.ensure(Domain(), WANTED)
    assert WANTED.password not in f"{WANTED!r} {caught.value!r} {caught.value} {caught.value.values}"
