"""Bringing a new password into a guest that runs."""

from __future__ import annotations

from django.utils.translation import gettext_noop as _

from apps.accounts.secrets import unseal
from apps.compute.models import Image, Vm
from apps.compute.operations.parts import load_vm
from apps.compute.services.guest_password import USERS, family_of
from apps.compute.verbs import AGENT_PATIENCE, VM_RESET_PASSWORD
from apps.drivers.errors import DriverError
from apps.drivers.protocols import Hypervisor
from apps.drivers.specs import GuestPassword
from apps.infrastructure import backends
from apps.lifecycle.handlers import Settle, handles
from apps.lifecycle.operation_context import LeaseLost, OperationContext

_LATER = ("hypervisor.no_guest_agent", "hypervisor.guest_agent_silent")


@handles(VM_RESET_PASSWORD)
def reset_password(run: OperationContext) -> Settle:
    """Ask the guest agent, which may only just be starting. Setting the same password again changes nothing."""
    vm, host, _region = load_vm(run)
    if not vm.sealed_new_password:  # erased by whoever has ended the operation meanwhile
        raise LeaseLost
    wanted = _password_of(vm)
    run.step(_("Setting the password of %(user)s"), 30, user=wanted.user)
    run.no_stop_now()  # cancelled after this, the guest might have it all the same
    _ask_until_set(run, backends.hypervisor(host, run), wanted)
    return lambda: _forget(vm)


def _password_of(vm: Vm) -> GuestPassword:
    family = family_of(vm)
    return GuestPassword(
        id=str(vm.pk),
        user=USERS[family],
        password=unseal(vm.sealed_new_password),
        is_hash=family == Image.Family.LINUX,
    )


def _ask_until_set(run: OperationContext, hypervisor: Hypervisor, wanted: GuestPassword) -> None:
    late = DriverError(
        _("The VM has no running guest agent."),
        code="vm.no_guest_agent",
        permanent=True,
        hint=_(
            "Wait until the guest has started, then retry. If it has no guest agent, install qemu-guest-agent in it."
        ),
    )

    def is_set() -> bool:
        try:
            hypervisor.ensure_password(wanted)
        except DriverError as error:
            if error.code not in _LATER:
                raise
            return False
        return True

    run.wait_until(is_set, within=AGENT_PATIENCE, error=late, every=2)


def _forget(vm: Vm) -> None:
    Vm.objects.filter(pk=vm.pk).update(sealed_new_password="")
