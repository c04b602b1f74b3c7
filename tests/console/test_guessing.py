"""Strangers at a native ticket's port: they are slowed down, and the ticket's owner gets in all the same."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator

import pytest
from onebox.shell import patience

from apps.accounts.models import Project, User
from apps.compute.models import Vm
from apps.console.models import ConsoleTicket, TicketKind
from apps.console.proxy import rfb
from apps.console.proxy.relay import MAX_OF_A_NETWORK
from apps.console.proxy.throttle import FREE_TRIES, LONGEST_DELAY, MOST_NETWORKS, Throttle, network_of
from apps.console.services import Credentials, collect
from tests import factories
from tests.console.conftest import Proxy, free_port, running_proxy, wait_until
from tests.console.factories import make_vm, ready_ticket
from tests.console.viewer import native_viewer

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.requirement("SE-3")]

STRANGER, OWNER = "127.9.9.9", "127.0.0.1"


@pytest.fixture
def native_proxy(db: None) -> Iterator[Proxy]:
    with running_proxy() as running:
        yield running


@pytest.fixture
def vm(project_a: Project) -> Vm:
    return make_vm(project_a)


@pytest.fixture
def given(native_proxy: Proxy, otto: User, vm: Vm) -> Credentials:
    """A native ticket, collected; nothing listens at its screen."""
    ticket = ready_ticket(otto, vm, kind=TicketKind.NATIVE, where=("127.0.0.1", free_port()))

    def listening() -> bool:
        ticket.refresh_from_db()
        return bool(ticket.relay_port)

    wait_until(listening, "the proxy does not listen for the native ticket")
    return collect(factories.actor_for_user(otto), ticket.pk)


def answer(given: Credentials, password: str, source: str) -> str:
    """Return what a client is told; "" when the proxy hangs up without a word."""
    try:
        native_viewer((given.address, given.port), password, source)
    except rfb.WrongPassword as refused:
        return str(refused)
    except (OSError, EOFError):
        return ""
    raise AssertionError("there is no screen")


def test_a_stranger_cannot_end_a_ticket_by_guessing(given: Credentials) -> None:
    answers = [answer(given, f"guess{n}", STRANGER) for n in range(15)]
    assert answers[:FREE_TRIES] == ["Wrong password."] * FREE_TRIES
    assert answers[FREE_TRIES:] == [""] * (15 - FREE_TRIES), "the stranger's network waits"
    assert "not running" in answer(given, given.password, OWNER), "the password was right"
    assert ConsoleTicket.objects.get().used_at is not None


def test_the_owner_gets_in_from_the_strangers_network_too_after_the_wait(given: Credentials) -> None:
    for n in range(FREE_TRIES + 2):
        answer(given, f"guess{n}", STRANGER)
    wait_until(
        lambda: "not running" in answer(given, given.password, "127.9.9.10"),
        "the owner is kept out",
        within=LONGEST_DELAY + 10,
    )


def test_strangers_who_say_nothing_leave_room_for_the_owner(given: Credentials) -> None:
    held = []
    for n in range(5):
        for _ in range(MAX_OF_A_NETWORK + 3):
            source = (f"127.9.{n}.1", 0)
            held.append(
                socket.create_connection((given.address, given.port), timeout=5, source_address=source)
            )
    started = time.monotonic()
    assert "not running" in answer(given, given.password, OWNER)
    assert time.monotonic() - started < patience(4), "before their handshakes timed out"
    for connection in held:
        connection.close()


def test_each_wrong_try_makes_the_network_wait_longer_up_to_a_limit() -> None:
    now = [0.0]
    throttle, waits = Throttle(lambda: now[0]), []
    for _ in range(12):
        assert not throttle.must_wait(STRANGER)
        throttle.failed(STRANGER)
        started = now[0]
        while throttle.must_wait(STRANGER):
            now[0] += 0.5
        waits.append(now[0] - started)
    assert waits == sorted(waits)
    assert (waits[0], waits[FREE_TRIES - 1], waits[-1]) == (0, 1, LONGEST_DELAY)
    assert not throttle.must_wait(OWNER)


def test_no_more_networks_are_remembered_than_there_is_room_for() -> None:
    throttle = Throttle(lambda: 0.0)
    for n in range(MOST_NETWORKS + 100):
        throttle.failed(f"10.{n // 256}.{n % 256}.1")
    assert len(throttle._tries) == MOST_NETWORKS


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("192.0.2.1", "192.0.2.200"),
        ("2001:db8::1", "2001:db8::ffff:2"),
        ("::ffff:192.0.2.1", "192.0.2.3"),
        ("fe80::1%eth0", "fe80::2"),
    ],
)
def test_neighbours_count_as_one(one: str, other: str) -> None:
    assert network_of(one) == network_of(other) != network_of("198.51.100.1")
