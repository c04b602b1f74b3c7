"""The worker's part, on a pretend host."""

from __future__ import annotations

import time
from contextlib import nullcontext
from datetime import timedelta

import pytest

from apps.accounts.models import User
from apps.compute.models import Power, Vm
from apps.console.models import LIFETIME, ConsoleTicket, TicketKind, TicketState, window
from apps.console.services import open_console, redeem
from apps.drivers.memory import MemoryHypervisor, World
from apps.drivers.memory.records import vms_of
from apps.drivers.specs import ConsoleAddress
from apps.drivers.specs import Power as Switch
from apps.infrastructure import backends
from apps.infrastructure.models import Host
from apps.lifecycle import engine
from apps.lifecycle.engine import execute
from apps.lifecycle.models import OperationStatus, State
from tests import factories
from tests.compute.factories import make_cloud
from tests.compute.factories import make_vm as make_real_vm
from tests.console.factories import issued_token

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("VN-1")]


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    """A pretend region of the test's own; runs are not watched, since their rows are in the test's transaction."""
    fresh = World()
    monkeypatch.setattr(backends, "_process_world", fresh)
    monkeypatch.setattr(engine.renewer, "renewing_lease", lambda run: nullcontext())
    return fresh


@pytest.fixture
def vm(world: World, alice: User) -> Vm:
    """A VM that runs on a pretend host."""
    assert alice.tenant is not None
    cloud = make_cloud(world)
    return make_real_vm(factories.actor_for_user(alice), cloud, cloud.network(alice.tenant))


def ask(user: User, vm: Vm, kind: str = TicketKind.BROWSER) -> ConsoleTicket:
    return open_console(factories.actor_for_user(user), vm, kind=kind)


def carried_out(ticket: ConsoleTicket) -> ConsoleTicket:
    assert ticket.operation is not None
    execute(ticket.operation.pk)
    return ConsoleTicket.objects.select_related("operation", "vm", "user").get(pk=ticket.pk)


def open_for(world: World, vm: Vm) -> float:
    """Seconds for which the VM's screen lets somebody in."""
    assert vm.host is not None
    with world.records() as state:
        return float(state.get(vms_of(vm.host.name), str(vm.pk)).console_until - time.time())


def hypervisor_of(world: World, vm: Vm) -> MemoryHypervisor:
    assert vm.host is not None
    return MemoryHypervisor(world, vm.host.name)


@pytest.mark.requirement("SE-3")
@pytest.mark.parametrize("kind", TicketKind.values)
def test_the_screen_is_open_for_as_long_as_the_ticket_needs(
    world: World, vm: Vm, alice: User, kind: str
) -> None:
    assert open_for(world, vm) < 0, "closed before anybody asked"
    ticket = carried_out(ask(alice, vm, kind))
    assert (ticket.operation and ticket.operation.status) == OperationStatus.DONE
    assert ticket.host == vm.host.name
    assert ticket.port
    assert open_for(world, vm) == pytest.approx(window(kind).total_seconds(), abs=5)


@pytest.mark.requirement("SE-3")
def test_a_second_ticket_does_not_shorten_the_first_ones_time(world: World, vm: Vm, alice: User) -> None:
    carried_out(ask(alice, vm, TicketKind.NATIVE))
    carried_out(ask(alice, vm))
    assert open_for(world, vm) == pytest.approx(window(TicketKind.NATIVE).total_seconds(), abs=5)


@pytest.mark.requirement("SE-3")
def test_used_tickets_keep_no_screen_open(world: World, vm: Vm, alice: User) -> None:
    first = carried_out(ask(alice, vm, TicketKind.NATIVE))
    ConsoleTicket.objects.filter(pk=first.pk).update(relay_port=5950)
    issued_token(alice, first)
    assert redeem(first.pk)
    carried_out(ask(alice, vm))
    assert open_for(world, vm) == pytest.approx(window(TicketKind.BROWSER).total_seconds(), abs=5)


def test_the_operation_may_be_run_again_from_the_top(world: World, vm: Vm, alice: User) -> None:
    ticket = carried_out(ask(alice, vm))
    opened_at = ticket.opened_at
    engine.Operation.objects.filter(pk=ticket.operation_id).update(status=OperationStatus.QUEUED)
    again = carried_out(ticket)
    assert (again.state, again.opened_at) == (TicketState.READY, opened_at)


def test_a_console_asked_for_while_the_vm_starts_opens_when_it_runs(
    world: World, vm: Vm, alice: User
) -> None:
    hypervisor = hypervisor_of(world, vm)
    hypervisor.ensure_power(str(vm.pk), Switch.OFF)
    calls: list[str] = []

    def starts_meanwhile(verb: str, moment: str) -> None:
        if (verb, moment) == ("hypervisor.open_console", "before"):
            calls.append(verb)
            if len(calls) == 2:
                world.on_call = None
                hypervisor.ensure_power(str(vm.pk), Switch.ON, boot=2)

    world.on_call = starts_meanwhile
    ticket = carried_out(ask(alice, vm))
    assert len(calls) == 2
    assert ticket.state == TicketState.READY


def test_a_vm_that_is_switched_off_meanwhile_fails_the_ticket_and_leaves_the_vm_alone(
    world: World, vm: Vm, alice: User
) -> None:
    ticket = ask(alice, vm)
    Vm.objects.filter(pk=vm.pk).update(power=Power.OFF, power_seen=Power.OFF)
    ticket = carried_out(ticket)
    assert ticket.state == TicketState.FAILED
    assert ticket.operation and ticket.operation.error["code"] == "console.vm_off"
    assert (ticket.vm.state, ticket.vm.error) == (State.READY, {})


def test_a_vm_that_is_deleted_meanwhile_takes_its_ticket_along(world: World, vm: Vm, alice: User) -> None:
    ticket = ask(alice, vm)
    ConsoleTicket.objects.all().delete()
    assert ticket.operation is not None
    execute(ticket.operation.pk)
    ticket.operation.refresh_from_db()
    assert ticket.operation.status == OperationStatus.DONE


@pytest.mark.requirement("SE-6")
@pytest.mark.parametrize(
    ("address", "host_says", "believed"),
    [
        ("192.0.2.10", ConsoleAddress("192.0.2.10", 5901), True),
        ("2001:db8::a", ConsoleAddress("2001:0db8:0::a", 6899), True),
        ("192.0.2.10", ConsoleAddress("192.0.2.11", 5901), False),
        ("192.0.2.10", ConsoleAddress("127.0.0.1", 5901), False),
        ("192.0.2.10", ConsoleAddress("localhost", 5901), False),
        ("192.0.2.10", ConsoleAddress("", 5901), False),
        ("192.0.2.10", ConsoleAddress("192.0.2.10", 6900), False),
        ("192.0.2.10", ConsoleAddress("192.0.2.10", 22), False),
        (None, ConsoleAddress("192.0.2.10", 5901), False),
    ],
    ids=str,
)
def test_a_screen_is_where_the_host_is_or_nowhere(
    world: World,
    vm: Vm,
    alice: User,
    monkeypatch: pytest.MonkeyPatch,
    address: str | None,
    host_says: ConsoleAddress,
    believed: bool,
) -> None:
    """The proxy connects wherever a host says: it must not become a way to what only the control plane reaches."""
    Host.objects.filter(pk=vm.host_id).update(driver="agent", address=address)

    class LyingHost:
        def open_console(self, vm_id: str, **_: object) -> ConsoleAddress:
            return host_says

    monkeypatch.setattr(backends, "hypervisor", lambda *_: LyingHost())
    ticket = carried_out(ask(alice, vm))
    if believed:
        assert (ticket.host, ticket.port) == (host_says.host, host_says.port)
    else:
        assert (ticket.state, ticket.host) == (TicketState.FAILED, "")
        assert ticket.operation and ticket.operation.error["code"] == "console.foreign_address"


def test_the_lifetimes_are_those_of_the_requirement() -> None:
    assert LIFETIME[TicketKind.NATIVE] == timedelta(seconds=300)
    assert LIFETIME[TicketKind.BROWSER] <= timedelta(seconds=60)
