"""What a guest's agent says is the guest's word."""

from __future__ import annotations

import json
from typing import Any

import libvirt_qemu
import pytest

from apps.drivers.libvirt import guest_agent
from apps.drivers.specs import GuestMounts
from apps.drivers.specs.devices import MOST_MOUNTS
from tests.drivers.samples import new_id

pytestmark = pytest.mark.requirement("SE-10")

SYSTEM, DATA = new_id(), new_id()
DISK = """<disk type="file"><source file="/pool/volumes/{}.qcow2"/><target dev="{}"/>
<address type="pci" domain="0x0000" bus="0x00" slot="{}" function="0x0"/></disk>"""
AGENT = '<channel type="unix"><target name="org.qemu.guest_agent.0" state="{}"/></channel>'


class Domain:
    """A running VM as its definition shows it."""

    def __init__(self, agent: str = "connected") -> None:
        disks = DISK.format(SYSTEM, "vda", "0x05") + DISK.format(DATA, "vdb", "0x11")
        self.xml = f"<domain><devices>{disks}{AGENT.format(agent)}</devices></domain>"

    def XMLDesc(self, flags: int) -> str:
        return self.xml


def place(slot: int) -> dict[str, Any]:
    return {"pci-controller": {"domain": 0, "bus": 0, "slot": slot, "function": 0}}


def answer(monkeypatch: pytest.MonkeyPatch, reply: object) -> None:
    text = reply if isinstance(reply, str) else json.dumps({"return": reply})
    monkeypatch.setattr(libvirt_qemu, "qemuAgentCommand", lambda *_: text)


@pytest.mark.requirement("VM-10")
def test_a_file_system_is_found_by_its_disks_place_or_serial_number(monkeypatch: pytest.MonkeyPatch) -> None:
    serial = DATA.replace("-", "")[:20]
    answer(
        monkeypatch,
        [
            {"mountpoint": "/", "disk": [place(5)]},
            {"mountpoint": "/srv", "disk": [{"serial": serial, **place(5)}]},
            {"mountpoint": "/both", "disk": [place(5), place(0x11)]},
            {"mountpoint": "/foreign", "disk": [place(9)]},
        ],
    )
    reply = guest_agent.mounts(Domain())
    assert reply == GuestMounts(True, {SYSTEM: ("/", "/both"), DATA: ("/both", "/srv")})


@pytest.mark.parametrize(
    "reply",
    [
        "not JSON",
        '{"return": ' + "[" * 100_000 + "]" * 100_000 + "}",
        json.dumps({"return": [{"mountpoint": "/", "disk": [place(5)]}]}) + " " * 2**21,
        "[]",
        '{"return": 5}',
        [5, None, "x", {}],
        [{"mountpoint": 5, "disk": [place(5)]}],
        [{"mountpoint": "/", "disk": 5}],
        [{"mountpoint": "/", "disk": [5, {"serial": [], "pci-controller": []}]}],
        [{"mountpoint": "/", "disk": [{"pci-controller": {"slot": {}, "bus": []}}]}],
    ],
    ids=lambda reply: repr(reply)[:60],
)
def test_an_answer_that_makes_no_sense_names_no_mount(monkeypatch: pytest.MonkeyPatch, reply: object) -> None:
    answer(monkeypatch, reply)
    assert guest_agent.mounts(Domain()).mounts == {}


def test_what_is_said_of_mounts_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    many = [{"mountpoint": f"/{number}\n\x1b[31m{'x' * 1000}", "disk": [place(5)]} for number in range(1000)]
    answer(monkeypatch, many)
    (paths,) = guest_agent.mounts(Domain()).mounts.values()
    assert len(paths) == MOST_MOUNTS
    assert all(len(path) <= 128 and path.isprintable() for path in paths)


@pytest.mark.parametrize("reply", ["-1", '{"return": "many"}', '{"return": null}', '{"return": 0}'])
def test_a_guest_that_does_not_say_it_is_frozen_is_not(monkeypatch: pytest.MonkeyPatch, reply: str) -> None:
    answer(monkeypatch, reply)
    assert not guest_agent.freeze(Domain())


def test_an_agent_that_is_not_connected_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(libvirt_qemu, "qemuAgentCommand")
    assert guest_agent.mounts(Domain("disconnected")) == GuestMounts(asked=False)
    assert not guest_agent.freeze(Domain("disconnected"))


def test_a_number_that_is_no_number_is_no_frozen_guest(monkeypatch: pytest.MonkeyPatch) -> None:
    answer(monkeypatch, '{"return": 1e999}')
    assert guest_agent.freeze(Domain()) is False
