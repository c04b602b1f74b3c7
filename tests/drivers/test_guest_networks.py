"""Guests that shall have a network: when the host configures them, and what it says of those it cannot configure."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import libvirt
import libvirt_qemu
import pytest

from apps.drivers.guest_network import WORDS
from apps.drivers.libvirt import domains, guest_networks
from apps.drivers.libvirt.connection import Connection
from apps.drivers.libvirt.guest_network_change import missing_addresses
from apps.drivers.libvirt.guest_networks import GuestNetworks
from apps.drivers.libvirt.metadata import VmMetadata
from apps.drivers.specs import GuestNetwork, GuestNetworkState
from apps.drivers.specs import GuestNetworkReason as Reason
from tests.drivers.contracts.nics import a_network
from tests.drivers.samples import new_id, new_mac

pytestmark = pytest.mark.requirement("EI-3")

AGENT = '<channel type="unix"><target name="org.qemu.guest_agent.0" state="{}"/></channel>'
FROZEN, LOST = "frozen", "lost"
FORBIDDEN = (
    "internal error: unable to execute QEMU agent command 'guest-exec': Command guest-exec has been disabled"
)
NO_SHELL = "internal error: guest-exec: Failed to execute child process “/bin/sh” (No such file or directory)"
SILENT = "Guest agent is not responding: QEMU guest agent is not connected"


@dataclass
class FakeGuest:
    """A running VM with a guest agent, which answers by command; an answer that is an exception is raised."""

    about: VmMetadata = field(default_factory=lambda: VmMetadata(boot=1))
    agent: str = "connected"
    is_on: bool = True
    paused: bool = False
    addresses: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    answers: dict[str, Any] = field(default_factory=dict)
    given: str = ""

    def isActive(self) -> bool:
        return self.is_on

    def XMLDesc(self, flags: int) -> str:
        return f"<domain><devices>{AGENT.format(self.agent)}</devices></domain>"

    def state(self) -> list[int]:
        return [libvirt.VIR_DOMAIN_PAUSED if self.paused else libvirt.VIR_DOMAIN_RUNNING, 0]

    def answer(self, request: dict[str, Any]) -> Any:
        command = request["execute"]
        self.asked.append(command)
        if command in self.answers:
            return self.answers[command]
        if command == "guest-exec":
            self.given = base64.b64decode(request["arguments"]["input-data"]).decode()
            self.addresses = [
                line.split()[3].split("/")[0] for line in self.given.splitlines() if line[0] == "a"
            ]
            return {"pid": 7}
        if command == "guest-exec-status":
            return {"exited": True, "exitcode": 0}
        return [{"name": "eth1", "ip-addresses": [{"ip-address": address} for address in self.addresses]}]

    @property
    def runs(self) -> int:
        return self.asked.count("guest-exec")


class FakeConnection(Connection):
    @contextmanager
    def use(self) -> Iterator[Any]:
        yield None


@pytest.fixture
def guest(monkeypatch: pytest.MonkeyPatch) -> FakeGuest:
    found = FakeGuest()

    def command(domain: FakeGuest, request: str, *_: object) -> str:
        answer = domain.answer(json.loads(request))
        if isinstance(answer, str) and answer.startswith(("internal", "Guest")):
            raise libvirt.libvirtError(answer)
        return json.dumps({"return": answer})

    def set_about(domain: FakeGuest, about: VmMetadata) -> None:
        domain.about = about

    monkeypatch.setattr(libvirt_qemu, "qemuAgentCommand", command)
    monkeypatch.setattr(libvirt.libvirtError, "__str__", lambda error: str(error.args[0]))
    monkeypatch.setattr(domains, "find", lambda connection, vm_id: found)
    monkeypatch.setattr(domains, "about", lambda domain: domain.about)
    monkeypatch.setattr(domains, "set_about", set_about)
    return found


class Clock:
    now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(guest_networks, "time", clock)
    return clock


class AtOnce:
    """Instead of threads."""

    def submit(self, work: Callable[[str], None], vm_id: str) -> None:
        work(vm_id)


@pytest.fixture
def networks(guest: FakeGuest, clock: Clock) -> GuestNetworks:
    made = GuestNetworks(FakeConnection("test:///"))
    made._workers.shutdown()
    made._workers = AtOnce()  # type: ignore[assignment]
    return made


VM, MAC = new_id(), new_mac()
NETWORK = a_network(MAC, "203.0.113.9/32", "2001:db8::9/128", generation=5)


def look(networks: GuestNetworks, guest: FakeGuest) -> tuple[int, Reason]:
    return networks.look(VM, guest.about)


def test_a_guest_is_configured_at_once_and_the_host_keeps_what_it_shall_have(
    networks: GuestNetworks, guest: FakeGuest
) -> None:
    assert networks.ensure(VM, NETWORK) == GuestNetworkState(applied=True)
    assert guest.given.splitlines()[:3] == [
        f"n {MAC}",
        f"a {MAC} 4 203.0.113.9/32",
        f"a {MAC} 6 2001:db8::9/128",
    ]
    assert look(networks, guest) == (5, Reason.NONE)
    assert guest.runs == 1


def test_a_guest_is_configured_again_when_its_agent_comes_back(
    networks: GuestNetworks, guest: FakeGuest, clock: Clock
) -> None:
    networks.ensure(VM, NETWORK)
    clock.now += 60
    guest.addresses, guest.agent = [], "disconnected"
    networks.agent_changed(VM, False)
    assert look(networks, guest) == (0, Reason.NO_AGENT)
    guest.agent = "connected"
    networks.agent_changed(VM, True)
    assert guest.runs == 2
    assert look(networks, guest) == (5, Reason.NONE)


def test_an_agent_that_comes_and_goes_all_the_time_costs_the_host_little(
    networks: GuestNetworks, guest: FakeGuest, clock: Clock
) -> None:
    networks.ensure(VM, NETWORK)
    for _ in range(100):
        clock.now += 0.1
        networks.agent_changed(VM, False)
        networks.agent_changed(VM, True)
    assert guest.runs <= 10


def test_a_guest_that_lost_an_address_gets_it_again_and_one_that_has_all_is_left_alone(
    networks: GuestNetworks, guest: FakeGuest, clock: Clock
) -> None:
    networks.ensure(VM, NETWORK)
    for _ in range(10):
        clock.now += 30
        assert look(networks, guest) == (5, Reason.NONE)
    assert guest.runs == 1
    guest.addresses.pop()
    clock.now += 61
    look(networks, guest)
    assert guest.runs == 2
    assert guest.asked.count("guest-network-get-interfaces") < 11


def test_an_agent_of_the_host_that_starts_again_configures_every_guest_once(
    networks: GuestNetworks, guest: FakeGuest
) -> None:
    networks.ensure(VM, NETWORK)
    later = GuestNetworks(FakeConnection("test:///"))
    later._workers.shutdown()
    later._workers = AtOnce()  # type: ignore[assignment]
    later.look(VM, guest.about)
    assert guest.runs == 2
    assert later.look(VM, guest.about) == (5, Reason.NONE)


def test_another_boot_is_configured_although_no_event_told_of_it(
    networks: GuestNetworks, guest: FakeGuest
) -> None:
    networks.ensure(VM, NETWORK)
    guest.about = replace(guest.about, boot=2)
    look(networks, guest)
    assert guest.runs == 2


def test_what_a_guest_shall_have_no_more_is_removed_and_then_it_is_not_asked_again(
    networks: GuestNetworks, guest: FakeGuest, clock: Clock
) -> None:
    networks.ensure(VM, NETWORK)
    nothing = a_network(MAC, generation=6)
    guest.answers["guest-exec"] = SILENT
    assert networks.ensure(VM, nothing).reason is Reason.SILENT
    del guest.answers["guest-exec"]
    clock.now += 6
    look(networks, guest)
    assert guest.given == f"n {MAC}\n"
    runs = guest.runs
    clock.now += 600
    assert look(networks, guest) == (6, Reason.NONE)
    assert networks.ensure(VM, GuestNetwork(generation=7)).applied
    assert guest.runs == runs


@pytest.mark.parametrize(
    ("changes", "answers", "reason"),
    [
        ({"is_on": False}, {}, Reason.OFF),
        ({"paused": True}, {}, Reason.PAUSED),
        ({"agent": "disconnected"}, {}, Reason.NO_AGENT),
        ({}, {"guest-exec": SILENT}, Reason.SILENT),
        ({}, {"guest-exec": FORBIDDEN, "guest-fsfreeze-status": "thawed"}, Reason.FORBIDDEN),
        ({}, {"guest-exec": FORBIDDEN, "guest-fsfreeze-status": "frozen"}, Reason.SILENT),
        ({}, {"guest-exec": NO_SHELL, "guest-get-osinfo": {"id": "mswindows"}}, Reason.UNSUPPORTED),
        ({}, {"guest-exec": NO_SHELL, "guest-get-osinfo": {"id": "tiny"}}, Reason.NO_TOOLS),
        ({}, {"guest-exec-status": {"exited": True, "exitcode": 10}}, Reason.NO_TOOLS),
        ({}, {"guest-exec-status": {"exited": True, "exitcode": 11}}, Reason.NO_NIC),
        ({}, {"guest-exec-status": {"exited": True, "exitcode": 12}}, Reason.FAILED),
        ({}, {"guest-exec-status": {"exited": True, "signal": 9}}, Reason.FAILED),
        ({}, {"guest-exec-status": {"exited": True, "exitcode": "0"}}, Reason.FAILED),
        ({}, {"guest-exec": [], "guest-exec-status": {}}, Reason.SILENT),
        ({}, {"guest-exec": {"pid": 1}, "guest-exec-status": 5}, Reason.SILENT),
    ],
)
def test_why_a_guest_is_not_configured_has_words(
    networks: GuestNetworks,
    guest: FakeGuest,
    changes: dict[str, Any],
    answers: dict[str, Any],
    reason: Reason,
) -> None:
    for name, value in changes.items():
        setattr(guest, name, value)
    guest.answers = answers
    state = networks.ensure(VM, NETWORK)
    assert (state.applied, state.reason) == (False, reason)
    assert WORDS[reason]


@pytest.mark.requirement("SE-10")
def test_what_a_guest_says_of_a_failure_is_cut(networks: GuestNetworks, guest: FakeGuest) -> None:
    said = base64.b64encode(("first\n" + "\x1b[31m" + "x" * 9000).encode()).decode()
    guest.answers = {"guest-exec-status": {"exited": True, "exitcode": 12, "out-data": said}}
    detail = networks.ensure(VM, NETWORK).detail
    assert detail.startswith("?[31mxx") and len(detail) <= 128 and detail.isprintable()


@pytest.mark.requirement("SE-10")
@pytest.mark.parametrize(
    "answer", [5, [5], [{"ip-addresses": 5}], [{"ip-addresses": [5, {"ip-address": {}}]}]]
)
def test_an_answer_that_makes_no_sense_names_no_address(answer: object) -> None:
    assert missing_addresses(NETWORK, answer) == {"203.0.113.9", "2001:db8::9"}
