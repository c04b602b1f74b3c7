"""Rows the console's tests need."""

from __future__ import annotations

from apps.accounts.models import Project, User
from apps.compute.models import Power, Vm
from apps.console.models import ConsoleTicket, TicketKind
from apps.console.services import collect, mark_opened, open_console
from apps.infrastructure.models import Host
from apps.lifecycle.models import State
from tests import factories


def make_vm(project: Project, host: Host | None = None, power: str = Power.ON) -> Vm:
    """Make a VM that is there and, by default, runs."""
    host = host or factories.make_host(factories.make_cluster(factories.make_region()))
    return Vm.objects.create(
        kind="vm",
        name="web-1",
        hostname="web-1",
        state=State.READY,
        tenant=project.tenant,
        project=project,
        region=host.region,
        cluster=host.cluster,
        host=host,
        vcpu=1,
        memory_mib=1024,
        power=power,
        power_seen=power,
    )


def ready_ticket(
    user: User,
    vm: Vm,
    *,
    kind: str = TicketKind.BROWSER,
    session_key: str = "",
    where: tuple[str, int] = ("127.0.0.1", 1),
) -> ConsoleTicket:
    """Make a ticket whose screen is at `where`, as the worker leaves it."""
    ticket = open_console(factories.actor_for_user(user), vm, kind=kind, session_key=session_key)
    mark_opened(ticket.pk, *where)
    ticket.refresh_from_db()
    return ticket


def issued_token(user: User, ticket: ConsoleTicket, session_key: str = "") -> str:
    """Collect a browser ticket and return its token."""
    return collect(factories.actor_for_user(user), ticket.pk, session_key=session_key).token
