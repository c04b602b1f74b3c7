"""The way to a real screen: a guest under a host's QEMU, whose VNC server lets nobody in until a ticket opens it."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from onebox.shell import patience

from apps.accounts.models import Project, ProjectUserObjectPermission, Session, User
from apps.accounts.secrets import unseal
from apps.compute.models import Vm
from apps.console.close_codes import EndReason
from apps.console.models import ConsoleTicket, TicketKind
from apps.console.proxy import rfb
from apps.console.services import Credentials, collect
from tests import factories
from tests.console.conftest import Proxy, listens, running_proxy, wait_until
from tests.console.factories import issued_token, make_vm, ready_ticket
from tests.console.guest import EchoGuest, running_guest
from tests.console.test_proxy import end_of, session_of
from tests.console.viewer import Viewer, how_it_ends, is_cut, native_viewer, web_viewer
from tests.onebox_fixtures import Onebox

pytestmark = [pytest.mark.real, pytest.mark.django_db(transaction=True)]

IDLE_SECONDS = 2.0


@pytest.fixture(scope="module")
def guest(onebox: Onebox) -> Iterator[EchoGuest]:
    with running_guest(onebox) as running:
        yield running


@pytest.fixture
def vm(project_a: Project) -> Vm:
    return make_vm(project_a)


@pytest.fixture
def native_proxy(db: None) -> Iterator[Proxy]:
    with running_proxy() as running:
        yield running


@pytest.fixture
def impatient_proxy(db: None) -> Iterator[Proxy]:
    with running_proxy(SCLOUD_CONSOLE_IDLE_SECONDS=str(IDLE_SECONDS)) as running:
        yield running


def opened_ticket(
    guest: EchoGuest, user: User, vm: Vm, *, kind: str = TicketKind.BROWSER, session_key: str = ""
) -> ConsoleTicket:
    """A ticket for which the guest's VNC server has been opened, as the worker and the agent do."""
    ticket = ready_ticket(user, vm, kind=kind, session_key=session_key, where=guest.where)
    guest.let_in(unseal(ticket.sealed_screen_password))
    return ticket


def looking(proxy: Proxy, guest: EchoGuest, user: User, vm: Vm) -> Viewer:
    return web_viewer(proxy.url, issued_token(user, opened_ticket(guest, user, vm)))


def native_credentials(proxy: Proxy, guest: EchoGuest, user: User, vm: Vm) -> Credentials:
    ticket = opened_ticket(guest, user, vm, kind=TicketKind.NATIVE)

    def listening() -> bool:
        ticket.refresh_from_db()
        return bool(ticket.relay_port)

    wait_until(listening, "the proxy does not listen for the native ticket")
    return collect(factories.actor_for_user(user), ticket.pk)


def address(given: Credentials) -> tuple[str, int]:
    return given.address, given.port


@pytest.mark.requirement("VN-1")
def test_a_ticket_shows_the_screen_and_what_is_typed_arrives(
    proxy: Proxy, guest: EchoGuest, otto: User, vm: Vm
) -> None:
    viewer = looking(proxy, guest, otto, vm)
    viewer.ask_for_picture(changes_only=False)
    assert viewer.picture() > 100, "nothing but black on the screen"
    viewer.press("echo 42")
    assert guest.typed(7) == "echo 42"


@pytest.mark.requirement("SE-3")
def test_the_screen_lets_nobody_in_without_the_tickets_password(
    proxy: Proxy, guest: EchoGuest, otto: User, vm: Vm
) -> None:
    with pytest.raises(rfb.RfbError):
        native_viewer(guest.where, "guessed1", source="")
    ticket = ready_ticket(otto, vm, where=guest.where)  # no agent has opened the VNC server for it
    guest.let_in("another1")
    assert end_of(proxy, issued_token(otto, ticket)) == EndReason.EXPIRED.value


@pytest.mark.requirement("SE-3")
def test_a_ticket_opens_one_connection_only(proxy: Proxy, guest: EchoGuest, otto: User, vm: Vm) -> None:
    token = issued_token(otto, opened_ticket(guest, otto, vm))
    viewer = web_viewer(proxy.url, token)
    assert end_of(proxy, token) == EndReason.USED.value
    viewer.press("x")
    assert guest.typed(1) == "x", "the second attempt disturbed the first"


def test_two_people_see_the_same_screen(
    proxy: Proxy, guest: EchoGuest, otto: User, alice: User, vm: Vm
) -> None:
    first_ticket, second_ticket = opened_ticket(guest, otto, vm), opened_ticket(guest, alice, vm)
    first = web_viewer(proxy.url, issued_token(otto, first_ticket))
    second = web_viewer(proxy.url, issued_token(alice, second_ticket))
    first.press("a")
    assert guest.typed(1) == "a"
    second.press("b")
    assert guest.typed(1) == "b"


@pytest.mark.requirement("SE-3")
def test_who_loses_the_role_is_cut_within_seconds(proxy: Proxy, guest: EchoGuest, otto: User, vm: Vm) -> None:
    viewer = looking(proxy, guest, otto, vm)
    ProjectUserObjectPermission.objects.filter(user=otto).delete()
    started = time.monotonic()
    assert how_it_ends(viewer) == EndReason.REFUSED.value
    assert time.monotonic() - started < patience(5)


@pytest.mark.requirement("SE-3")
def test_who_logs_out_is_cut_within_seconds(proxy: Proxy, guest: EchoGuest, otto: User, vm: Vm) -> None:
    session = session_of(factories.page_client(otto))
    token = issued_token(otto, opened_ticket(guest, otto, vm, session_key=session), session)
    viewer = web_viewer(proxy.url, token, session)
    Session.objects.all().delete()
    assert how_it_ends(viewer) == EndReason.REFUSED.value


def test_a_deleted_vms_console_is_cut(proxy: Proxy, guest: EchoGuest, otto: User, vm: Vm) -> None:
    viewer = looking(proxy, guest, otto, vm)
    vm.delete()
    assert how_it_ends(viewer) == EndReason.GONE.value


@pytest.mark.requirement("VN-2")
def test_a_browser_session_is_cut_when_idle_and_not_before(
    impatient_proxy: Proxy, guest: EchoGuest, otto: User, vm: Vm
) -> None:
    viewer = looking(impatient_proxy, guest, otto, vm)
    started = time.monotonic()
    while time.monotonic() - started < 2 * IDLE_SECONDS:
        viewer.press("k")
        assert guest.typed(1) == "k", "cut while somebody was typing"
    started = time.monotonic()
    assert how_it_ends(viewer) == EndReason.IDLE.value
    assert IDLE_SECONDS - 1 < time.monotonic() - started < patience(IDLE_SECONDS + 3)


@pytest.mark.requirement("VN-2")
def test_a_native_session_is_cut_when_idle_although_the_cursor_blinks(
    impatient_proxy: Proxy, guest: EchoGuest, otto: User, vm: Vm
) -> None:
    given = native_credentials(impatient_proxy, guest, otto, vm)
    viewer = native_viewer(address(given), given.password)
    viewer.ask_for_picture()
    started = time.monotonic()
    assert is_cut(viewer)
    assert IDLE_SECONDS - 1 < time.monotonic() - started < patience(IDLE_SECONDS + 3)


@pytest.mark.requirement("VN-2")
def test_a_native_client_connects_once_and_the_port_closes_behind_it(
    native_proxy: Proxy, guest: EchoGuest, otto: User, vm: Vm
) -> None:
    given = native_credentials(native_proxy, guest, otto, vm)
    with pytest.raises(rfb.WrongPassword):
        native_viewer(address(given), "wrong123")
    viewer = native_viewer(address(given), given.password)
    viewer.press("n")
    assert guest.typed(1) == "n"
    wait_until(lambda: not listens(given.port), "the port stays open")
    viewer.press("m")
    assert guest.typed(1) == "m"


@pytest.mark.requirement("VN-2")
def test_native_credentials_nobody_uses_are_dead(
    native_proxy: Proxy, guest: EchoGuest, otto: User, vm: Vm
) -> None:
    given = native_credentials(native_proxy, guest, otto, vm)
    assert listens(given.port)
    ConsoleTicket.objects.update(expires_at=ConsoleTicket.objects.get().issued_at)
    wait_until(lambda: not listens(given.port), "the port stays open")


@pytest.mark.requirement("SE-3")
def test_guessing_elsewhere_keeps_the_owner_from_nothing(
    native_proxy: Proxy, guest: EchoGuest, otto: User, vm: Vm
) -> None:
    given = native_credentials(native_proxy, guest, otto, vm)
    for guess in range(12):
        with pytest.raises((rfb.RfbError, OSError, EOFError)):
            native_viewer(address(given), f"guess{guess}", "127.9.9.9")
    assert native_viewer(address(given), given.password).width


def test_a_proxy_that_goes_down_says_so(db: None, guest: EchoGuest, otto: User, vm: Vm) -> None:
    with running_proxy() as own:
        viewer = looking(own, guest, otto, vm)
        own.process.terminate()
        assert how_it_ends(viewer) == EndReason.RESTARTING.value


@pytest.mark.requirement("VN-1")
def test_a_vm_that_stops_ends_its_console_and_its_host_says_so(
    proxy: Proxy, onebox: Onebox, otto: User, vm: Vm
) -> None:
    with running_guest(onebox, 1) as passing:
        viewer = looking(proxy, passing, otto, vm)
        token = issued_token(otto, opened_ticket(passing, otto, vm))
        passing.power_off()
        assert how_it_ends(viewer) == EndReason.STOPPED.value
        assert end_of(proxy, token) == EndReason.STOPPED.value
