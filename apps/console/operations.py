"""Opening a VM's VNC server for a ticket. Runs in workers."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from ipaddress import ip_address

from django.utils import timezone
from django.utils.translation import gettext_noop as _

from apps.accounts.secrets import unseal
from apps.compute.models import Vm
from apps.console.models import ConsoleTicket, window
from apps.console.services import mark_opened
from apps.console.verbs import VM_CONSOLE, has_screen
from apps.drivers.errors import DriverError
from apps.drivers.specs import ConsoleAddress
from apps.infrastructure import backends
from apps.infrastructure.models import Host
from apps.lifecycle.handlers import Settle, handles
from apps.lifecycle.operation_context import OperationContext

log = logging.getLogger(__name__)

#: What libvirt gives to VNC servers: 5900 and what follows (qemu.conf, remote_display_port_min), for 1,000 VMs.
VNC_PORTS = range(5900, 6900)
#: How long a VM that is wanted on may take until it has a screen.
START_WITHIN = timedelta(seconds=45)
NOT_RUNNING_YET = {"hypervisor.vm_off", "hypervisor.vm_missing"}


@handles(VM_CONSOLE)
def open_screen(run: OperationContext) -> Settle | None:
    """Let the ticket's password in for as long as the tickets that wait for this VM need."""
    ticket = ConsoleTicket.objects.filter(pk=run.operation.args["ticket"]).first()
    if ticket is None:  # the VM, or the account, is gone
        return None
    opened: list[ConsoleAddress] = []

    def reached() -> bool:
        address = _open(run, ticket)
        if address is not None:
            opened.append(address)
        return address is not None

    run.wait_until(
        reached,
        within=START_WITHIN,
        error=DriverError(
            _("The VM did not start in time."),
            code="console.vm_off",
            permanent=True,
            hint=_("See the VM’s tasks for the cause."),
        ),
    )
    address = opened[0]
    return lambda: mark_opened(ticket.pk, address.host, address.port)


def _open(run: OperationContext, ticket: ConsoleTicket) -> ConsoleAddress | None:
    """Return where the screen is, or None while the VM is still starting."""
    vm = Vm.objects.select_related("host").filter(pk=run.target_id).first()
    if vm is None or not has_screen(vm):
        raise DriverError(
            _("The VM is stopped."), code="console.vm_off", permanent=True, hint=_("Start the VM first.")
        )
    if vm.host is None:
        return None
    try:
        address = backends.hypervisor(vm.host, run).open_console(
            str(vm.pk), password=unseal(ticket.sealed_screen_password), valid_until=_valid_until(vm)
        )
        return _checked(vm.host, address)
    except DriverError as error:
        if error.code in NOT_RUNNING_YET:
            return None
        raise


def _checked(host: Host, address: ConsoleAddress) -> ConsoleAddress:
    """Return the address if a VNC server of the host can have it: the proxy connects wherever it says."""
    own = backends.host_driver(host).screen_host(host)
    if own and same_address(address.host, own) and address.port in VNC_PORTS:
        return address
    log.warning("host %s reports the address %s:%s for a VNC server", host.name, address.host, address.port)
    raise DriverError(
        _("Host %(host)s reported a console address that is not its own."),
        values={"host": host.name},
        code="console.foreign_address",
        permanent=True,
        hint=_("The console was not opened. Check the host and management_ip in its /etc/scloud/agent.toml."),
    )


def same_address(reported: str, own: str) -> bool:
    """Whether both are the same IP address, or the same name."""
    try:
        return ip_address(reported) == ip_address(own)
    except ValueError:
        return reported == own


def _valid_until(vm: Vm) -> datetime:
    """The latest moment at which a ticket that shares the password may still be redeemed."""
    now = timezone.now()
    waiting = ConsoleTicket.objects.alive().filter(vm=vm)
    needs = [
        t.expires_at if t.issued_at else (t.opened_at or now) + window(t.kind)
        for t in waiting.only("kind", "expires_at", "issued_at", "opened_at")
    ]
    return max(needs, default=now)
