"""IPv6 for VMs that were created before their subnet had a prefix."""

from __future__ import annotations

from django.utils.translation import gettext_noop as _

from apps.compute.models import Vm
from apps.compute.operations.eips import configure_guest
from apps.compute.operations.parts import ensure_ports, load_vm
from apps.lifecycle.handlers import handles
from apps.lifecycle.operation_context import OperationContext
from apps.network.verbs import VM_ADD_IPV6


@handles(VM_ADD_IPV6)
def add_ipv6(run: OperationContext) -> None:
    """Bring the VM's port up to its NIC, then its guest as far as the guest agent configures it."""
    vm, _host, region = load_vm(run)
    # Should this fail: once the host reports, a resync configures the guest.
    Vm.objects.filter(pk=vm.pk).update(guest_behind=True)
    run.step(_("Applying to the network"), 30)
    ensure_ports(run, vm, region)
    run.step(_("Configuring the guest"), 60)
    configure_guest(run, vm.pk)
