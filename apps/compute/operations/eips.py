"""EIPs of VMs: what a worker does when the EIPs bound to one have changed."""

from __future__ import annotations

from uuid import UUID

from django.utils.translation import gettext_noop as _

from apps.compute.models import Vm
from apps.compute.operations.parts import load_vm
from apps.compute.specs import vm_guest_network, vm_spec
from apps.drivers.errors import DriverError
from apps.drivers.guest_network import WORDS
from apps.drivers.hypervisor_errors import VM_MISSING
from apps.drivers.protocols import Hypervisor
from apps.infrastructure import backends
from apps.infrastructure.models import Host
from apps.infrastructure.reachability import is_silent
from apps.lifecycle.models import State
from apps.lifecycle.operation_context import OperationContext
from apps.lifecycle.verbs import removes
from apps.network.carriers import applies
from apps.network.operations.ports import ensure_ports
from apps.network.services.carried import leaving_eips


def configure_guest(run: OperationContext, vm_id: UUID) -> None:
    """Bring a VM's guest to its EIPs, if its host answers."""
    vm, host, _region = load_vm(run, vm_id)
    if vm.state == State.PENDING or vm.observed_generation == 0:
        return  # never made: its creation, or a retry of it, configures the guest
    if is_silent(host):
        run.step(
            _("Host %(host)s is unreachable. The guest of %(name)s is not configured."),
            host=host.name,
            name=vm.name,
        )
        Vm.objects.filter(pk=vm.pk).update(guest_behind=True)
        return
    _configure(run, backends.hypervisor(host, run), vm, host)


@applies("vm", guest=configure_guest)
def apply_ports(run: OperationContext, vm_id: UUID) -> None:
    """Bring a VM's ports to its EIPs.

    The network has the last word of an address: it is gone from a VM, and works at another, even if the host is down.
    """
    vm, _host, region = load_vm(run, vm_id)
    ensure_ports(
        backends.fabric(region, run),
        vm.nics.all(),
        vm.bound_eips,
        generation=vm.generation,
        untranslated=_untranslated(run, vm),
        own=run.target_id,
    )


def _configure(run: OperationContext, hypervisor: Hypervisor, vm: Vm, host: Host) -> None:
    spec = vm_spec(vm)
    try:
        hypervisor.ensure_nics(spec)
    except DriverError as error:
        if error.code != VM_MISSING:
            raise
        if removes(str(vm.error.get("verb", ""))):
            return  # its deletion failed half-way: it is to go
        hypervisor.ensure_vm(spec)
    state = hypervisor.ensure_guest_network(str(vm.pk), vm_guest_network(vm))
    Vm.objects.filter(pk=vm.pk).update(
        guest_configured=state.applied, guest_network_reason=state.reason.value, guest_behind=False
    )
    if not state.applied:
        run.step(WORDS[state.reason])


def _untranslated(run: OperationContext, vm: Vm) -> set[UUID]:
    """Return the EIPs that the VM may have had by one-to-one NAT: those leaving it, and the operation's own."""
    return {run.target_id, *(eip.pk for eip in leaving_eips(vm.pk))}
