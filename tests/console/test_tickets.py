"""The life of a ticket, step by step."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone
from pytest_django.fixtures import Settings

from apps.accounts.models import Project, User
from apps.accounts.secrets import unseal
from apps.audit.models import AuditEntry
from apps.compute.models import Power, Vm
from apps.console import services
from apps.console.models import COLLECT_WITHIN, ConsoleTicket, TicketKind, TicketState
from apps.lifecycle.actor import SYSTEM
from apps.lifecycle.errors import Forbidden, NotFound, NotNow, Refused
from apps.lifecycle.models import Operation, OperationStatus
from tests import factories
from tests.console.factories import issued_token, make_vm, ready_ticket

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("SE-3")]


@pytest.fixture
def vm(project_a: Project) -> Vm:
    return make_vm(project_a)


def let_pass(ticket: ConsoleTicket, time: timedelta) -> None:
    """Make the ticket look as it will after `time`."""
    ConsoleTicket.objects.filter(pk=ticket.pk).update(expires_at=ticket.expires_at - time)
    ticket.refresh_from_db()


@pytest.mark.requirement("VN-1")
def test_an_operator_gets_a_ticket_and_its_credentials_once(otto: User, vm: Vm) -> None:
    ticket = ready_ticket(otto, vm)
    assert ticket.state == TicketState.READY
    assert issued_token(otto, ticket)
    with pytest.raises(services.TicketSpent) as refused:
        issued_token(otto, ticket)
    assert refused.value.code == "console.already_issued"


@pytest.mark.requirement("VN-1")
def test_a_viewer_gets_no_ticket(vera: User, vm: Vm) -> None:
    with pytest.raises(Forbidden):
        services.open_console(factories.actor_for_user(vera), vm)
    assert not Operation.objects.exists()


@pytest.mark.requirement("VN-1")
def test_another_tenants_owner_is_told_that_there_is_no_such_vm(bob: User, vm: Vm) -> None:
    with pytest.raises(NotFound):
        services.open_console(factories.actor_for_user(bob), vm)


def test_a_vm_that_is_off_has_no_console(otto: User, project_a: Project) -> None:
    with pytest.raises(NotNow):
        services.open_console(factories.actor_for_user(otto), make_vm(project_a, power=Power.OFF))


@pytest.mark.requirement("VN-1")
def test_a_vm_that_is_starting_has_a_console(otto: User, vm: Vm) -> None:
    Vm.objects.filter(pk=vm.pk).update(power=Power.ON, power_seen=Power.OFF)
    assert services.open_console(factories.actor_for_user(otto), vm).state == TicketState.OPENING


def test_the_platform_itself_looks_at_no_screen(vm: Vm) -> None:
    with pytest.raises(Forbidden):
        services.open_console(SYSTEM, vm)


def test_nobody_else_collects_a_ticket_whatever_the_role(otto: User, alice: User, ada: User, vm: Vm) -> None:
    ticket = ready_ticket(otto, vm)
    for other in (alice, ada):
        with pytest.raises(NotFound):
            issued_token(other, ticket)


def test_a_ticket_is_collected_in_the_session_it_was_asked_for_in(otto: User, vm: Vm) -> None:
    ticket = ready_ticket(otto, vm, session_key="here")
    for elsewhere in ("", "there"):
        with pytest.raises(NotFound):
            issued_token(otto, ticket, elsewhere)
    assert issued_token(otto, ticket, "here")


def test_credentials_wait_until_the_screen_is_open(otto: User, vm: Vm) -> None:
    ticket = services.open_console(factories.actor_for_user(otto), vm)
    with pytest.raises(services.TicketSpent) as refused:
        issued_token(otto, ticket)
    assert refused.value.code == "console.not_ready"


def test_a_ticket_nobody_collects_dies(otto: User, vm: Vm) -> None:
    ticket = ready_ticket(otto, vm)
    let_pass(ticket, COLLECT_WITHIN)
    assert ticket.state == TicketState.EXPIRED
    with pytest.raises(services.TicketSpent) as refused:
        issued_token(otto, ticket)
    assert refused.value.code == "console.expired"


def test_a_ticket_nobody_uses_dies(otto: User, vm: Vm) -> None:
    ticket = ready_ticket(otto, vm)
    issued_token(otto, ticket)
    ticket.refresh_from_db()
    let_pass(ticket, timedelta(seconds=30))
    assert not services.redeem(ticket.pk)


def test_a_ticket_that_was_not_collected_cannot_be_used(otto: User, vm: Vm) -> None:
    assert not services.redeem(ready_ticket(otto, vm).pk)


@pytest.mark.requirement("VN-2")
def test_native_credentials_are_good_for_300_seconds_from_issue(otto: User, vm: Vm) -> None:
    ticket = ready_ticket(otto, vm, kind=TicketKind.NATIVE)
    assert ticket.state == TicketState.OPENING, "nobody listens for it yet"
    assert services.mark_listening(ticket.pk, 5950)
    assert not services.mark_listening(ticket.pk, 5951)
    given = services.collect(factories.actor_for_user(otto), ticket.pk)
    assert (given.port, len(given.password), given.token) == (5950, 8, "")
    assert abs(given.expires_at - timezone.now() - timedelta(seconds=300)) < timedelta(seconds=5)


@pytest.mark.requirement("VN-2")
def test_native_tickets_can_be_switched_off(otto: User, vm: Vm, settings: Settings) -> None:
    settings.CONSOLE_NATIVE_PORTS = ""
    with pytest.raises(Refused) as refused:
        ready_ticket(otto, vm, kind=TicketKind.NATIVE)
    assert refused.value.code == "console.native_off"


def test_what_failed_says_why(otto: User, vm: Vm) -> None:
    ticket = services.open_console(factories.actor_for_user(otto), vm)
    Operation.objects.filter(pk=ticket.operation_id).update(
        status=OperationStatus.FAILED,
        error={"code": "host.unreachable", "message": "No answer.", "hint": "Wait."},
    )
    with pytest.raises(services.TicketSpent) as refused:
        issued_token(otto, ticket)
    assert (refused.value.code, refused.value.message) == ("console.failed", "No answer.")


def test_tickets_that_wait_together_share_the_screens_password_so_that_none_locks_out_another(
    otto: User, alice: User, vm: Vm
) -> None:
    first, second = ready_ticket(otto, vm), ready_ticket(alice, vm)
    assert unseal(first.sealed_screen_password) == unseal(second.sealed_screen_password)
    for ticket in (first, second):
        issued_token(ticket.user, ticket)
        assert services.redeem(ticket.pk)
    third = ready_ticket(otto, vm)
    assert unseal(third.sealed_screen_password) != unseal(first.sealed_screen_password)


def test_a_ticket_dies_with_its_vm(otto: User, vm: Vm) -> None:
    ticket = ready_ticket(otto, vm)
    vm.delete()
    assert not ConsoleTicket.objects.filter(pk=ticket.pk).exists()


@pytest.mark.requirement("SE-4")
def test_no_secret_stands_in_the_operation_the_audit_log_or_in_clear_in_the_ticket(
    otto: User, vm: Vm
) -> None:
    ticket = ready_ticket(otto, vm, kind=TicketKind.NATIVE)
    services.mark_listening(ticket.pk, 5950)
    given = services.collect(factories.actor_for_user(otto), ticket.pk)
    kept = [
        *Operation.objects.values_list("args", "result", "steps"),
        *AuditEntry.objects.values_list("args"),
        *ConsoleTicket.objects.values_list("sealed_password", "sealed_screen_password", "token_hash"),
    ]
    for secret in (given.password, unseal(ticket.sealed_screen_password)):
        assert secret not in str(kept)


@pytest.mark.django_db(transaction=True)
def test_of_twenty_who_redeem_at_once_one_gets_in(otto: User, vm: Vm) -> None:
    ticket = ready_ticket(otto, vm)
    issued_token(otto, ticket)

    def redeem(_: int) -> bool:
        try:
            return services.redeem(ticket.pk)
        finally:
            connection.close()

    with ThreadPoolExecutor(20) as pool:
        assert sum(pool.map(redeem, range(20))) == 1


@pytest.mark.django_db(transaction=True)
def test_of_twenty_who_collect_at_once_one_gets_the_token(otto: User, vm: Vm) -> None:
    ticket = ready_ticket(otto, vm)

    def collect(_: int) -> bool:
        try:
            return bool(issued_token(otto, ticket))
        except services.TicketSpent:
            return False
        finally:
            connection.close()

    with ThreadPoolExecutor(20) as pool:
        assert sum(pool.map(collect, range(20))) == 1
