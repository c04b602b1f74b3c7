"""Setting passwords in guests by their agents. A password goes to the guest only: to no log, no process's arguments."""

import base64
from typing import Any

import libvirt

from apps.drivers.errors import DriverError
from apps.drivers.hypervisor_errors import no_guest_agent, refused_password, silent_guest_agent
from apps.drivers.libvirt import domains, guest_agent
from apps.drivers.libvirt.guest_agent import SILENT, NoAnswer
from apps.drivers.specs import GuestPassword


def ensure(domain: Any, wanted: GuestPassword) -> None:
    """Set a password in a running guest. Raises DriverError as the protocol says."""
    if not domains.guest_agent_connected(domain):
        raise no_guest_agent(wanted.id)
    encoded = base64.b64encode(wanted.password.encode()).decode()
    try:
        guest_agent.ask(
            domain,
            "guest-set-user-password",
            username=wanted.user,
            password=encoded,
            crypted=wanted.is_hash,
        )
    except NoAnswer as error:
        raise _why(wanted, error) from None  # what was asked is part of the chain


def _why(wanted: GuestPassword, error: NoAnswer) -> DriverError:
    cause = error.__cause__
    if isinstance(cause, libvirt.libvirtError) and cause.get_error_code() not in SILENT:
        return refused_password(wanted.id, wanted.user)
    return silent_guest_agent(wanted.id)
