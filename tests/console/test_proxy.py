"""Who the proxy sends away, and with which code. No screen is needed for that: nobody gets that far."""

from __future__ import annotations

import http.client
import socket
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from apps.accounts.keys import issue_key
from apps.accounts.models import (
    ApiKey,
    Project,
    ProjectUserObjectPermission,
    Session,
    Tenant,
    User,
)
from apps.compute.models import Power, Vm
from apps.console.close_codes import EndReason
from apps.console.models import ConsoleTicket
from tests import factories
from tests.console.conftest import Proxy, free_port
from tests.console.factories import issued_token, make_vm, ready_ticket

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.requirement("SE-3")]


@pytest.fixture
def vm(project_a: Project) -> Vm:
    return make_vm(project_a)


def session_of(client: Client) -> str:
    return client.cookies["sessionid"].value


def end_of(
    proxy: Proxy, token: str, session: str = "", origin: str = "http://127.0.0.1:8000"
) -> tuple[int, str]:
    """Connect as a browser would and return the close code and reason."""
    headers = {"Cookie": f"csrftoken=x; sessionid={session}"} if session else {}
    with connect(f"{proxy.url}?token={token}", origin=origin, additional_headers=headers) as websocket:
        try:
            websocket.recv(timeout=10)
        except ConnectionClosed as closed:
            assert closed.rcvd is not None
            return closed.rcvd.code, closed.rcvd.reason
    raise AssertionError("the proxy let it in")


def test_a_token_that_does_not_exist_is_unknown(proxy: Proxy) -> None:
    assert end_of(proxy, "made-up") == EndReason.UNKNOWN.value
    assert end_of(proxy, "") == EndReason.UNKNOWN.value


def test_a_used_ticket_is_refused_as_used(proxy: Proxy, otto: User, vm: Vm) -> None:
    ticket = ready_ticket(otto, vm, where=("127.0.0.1", free_port()))
    token = issued_token(otto, ticket)
    assert end_of(proxy, token) == EndReason.STOPPED.value, "nothing listens at its screen"
    assert end_of(proxy, token) == EndReason.USED.value


def test_an_expired_ticket_is_refused_as_expired(proxy: Proxy, otto: User, vm: Vm) -> None:
    ticket = ready_ticket(otto, vm)
    token = issued_token(otto, ticket)
    ConsoleTicket.objects.filter(pk=ticket.pk).update(expires_at=timezone.now() - timedelta(milliseconds=1))
    assert end_of(proxy, token) == EndReason.EXPIRED.value


@pytest.mark.requirement("VN-1")
def test_a_ticket_is_good_only_in_the_session_it_was_made_in(
    proxy: Proxy, otto: User, alice: User, vm: Vm
) -> None:
    here, elsewhere, other = (factories.page_client(user) for user in (otto, otto, alice))
    ticket = ready_ticket(otto, vm, session_key=session_of(here), where=("127.0.0.1", free_port()))
    token = issued_token(otto, ticket, session_of(here))
    for session in ("", "no-such-session", session_of(elsewhere), session_of(other)):
        assert end_of(proxy, token, session) == EndReason.REFUSED.value
    assert end_of(proxy, token, session_of(here)) == EndReason.STOPPED.value, "it was still good"


def test_a_ticket_does_not_outlive_its_log_in(proxy: Proxy, otto: User, vm: Vm) -> None:
    client = factories.page_client(otto)
    session = session_of(client)
    token = issued_token(otto, ready_ticket(otto, vm, session_key=session), session)
    Session.objects.all().delete()
    assert end_of(proxy, token, session) == EndReason.REFUSED.value


def test_an_api_keys_ticket_is_refused_to_somebody_elses_session(
    proxy: Proxy, otto: User, alice: User, vm: Vm
) -> None:
    token = issued_token(otto, ready_ticket(otto, vm, where=("127.0.0.1", free_port())))
    assert end_of(proxy, token, session_of(factories.page_client(alice))) == EndReason.REFUSED.value
    assert end_of(proxy, token) == EndReason.STOPPED.value, "it was still good"


def test_a_ticket_dies_with_the_api_key_it_was_asked_for_with(otto: User, vm: Vm) -> None:
    key, _ = issue_key(otto, "ci", ApiKey.Scope.WRITE, None)
    ticket = ready_ticket(otto, vm)
    ConsoleTicket.objects.filter(pk=ticket.pk).update(api_key=key)
    key.delete()
    assert not ConsoleTicket.objects.filter(pk=ticket.pk).exists()


def test_an_expired_api_keys_ticket_is_refused(proxy: Proxy, otto: User, vm: Vm) -> None:
    token = issued_token(otto, ready_ticket(otto, vm))
    key, _ = issue_key(otto, "ci", ApiKey.Scope.WRITE, timezone.now() - timedelta(seconds=1))
    ConsoleTicket.objects.update(api_key=key)
    assert end_of(proxy, token) == EndReason.REFUSED.value


@pytest.mark.requirement("VN-1")
def test_who_lost_the_role_is_refused(proxy: Proxy, otto: User, vm: Vm) -> None:
    token = issued_token(otto, ready_ticket(otto, vm))
    ProjectUserObjectPermission.objects.filter(user=otto).delete()
    assert end_of(proxy, token) == EndReason.REFUSED.value


def test_who_was_disabled_is_refused(proxy: Proxy, otto: User, vm: Vm) -> None:
    token = issued_token(otto, ready_ticket(otto, vm))
    User.objects.filter(pk=otto.pk).update(is_active=False)
    assert end_of(proxy, token) == EndReason.REFUSED.value


def test_a_disabled_tenants_users_are_refused(proxy: Proxy, otto: User, vm: Vm) -> None:
    token = issued_token(otto, ready_ticket(otto, vm))
    Tenant.objects.filter(pk=vm.tenant_id).update(enabled=False)
    assert end_of(proxy, token) == EndReason.REFUSED.value


@pytest.mark.requirement("VN-1")
def test_a_vm_that_was_stopped_meanwhile_is_said_to_be(proxy: Proxy, otto: User, vm: Vm) -> None:
    token = issued_token(otto, ready_ticket(otto, vm))
    Vm.objects.update(power=Power.OFF, power_seen=Power.OFF)
    assert end_of(proxy, token) == EndReason.STOPPED.value


def test_a_deleted_vms_ticket_is_unknown(proxy: Proxy, otto: User, vm: Vm) -> None:
    token = issued_token(otto, ready_ticket(otto, vm))
    vm.delete()
    assert end_of(proxy, token) == EndReason.UNKNOWN.value


@pytest.mark.requirement("VN-1")
def test_a_host_that_does_not_speak_vnc_is_said_to_be_unreachable(proxy: Proxy, otto: User, vm: Vm) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener, ThreadPoolExecutor(1) as pool:
        token = issued_token(otto, ready_ticket(otto, vm, where=listener.getsockname()))
        end = pool.submit(end_of, proxy, token)
        connection, _ = listener.accept()
        connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        assert end.result() == EndReason.UNREACHABLE.value
        connection.close()


@pytest.mark.requirement("SE-5")
def test_another_sites_page_cannot_use_a_visitors_session(proxy: Proxy, otto: User, vm: Vm) -> None:
    client = factories.page_client(otto)
    token = issued_token(otto, ready_ticket(otto, vm, session_key=session_of(client)), session_of(client))
    assert end_of(proxy, token, session_of(client), "https://evil.example") == EndReason.ORIGIN.value


def test_nothing_but_websockets_is_answered(proxy: Proxy) -> None:
    for method in ("GET", "HEAD"):
        plain = http.client.HTTPConnection("127.0.0.1", proxy.port, timeout=10)
        plain.request(method, "/etc/passwd")
        assert plain.getresponse().status == 405
