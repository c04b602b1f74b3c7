"""Fencing hosts that are suspected dead, and taking back those that were off."""

from __future__ import annotations

from django.utils.translation import gettext_noop as _

from apps.drivers.errors import DriverError
from apps.infrastructure import backends
from apps.infrastructure.failed_hosts import moved_vms, returned
from apps.infrastructure.models import Certainty, Host, Liveness
from apps.infrastructure.services.failure import mark_off
from apps.infrastructure.verbs import HOST_FENCE, HOST_READMIT
from apps.lifecycle.handlers import Settle, handles
from apps.lifecycle.operation_context import OperationContext


@handles(HOST_FENCE)
def fence(run: OperationContext) -> Settle:
    """Switch the host off by its management controller; done once that says so, twice."""
    host = Host.objects.select_related("controller").get(pk=run.target_id)
    if run.operation.args.get("suspected") and host.liveness != Liveness.SUSPECTED:
        raise DriverError(
            _("Host %(host)s is not suspected any more."),
            values={"host": host.name},
            code="host.alive_again",
            permanent=True,
            hint=_("No action is needed."),
        )
    run.step(_("Powering off %(host)s by its management controller"), 20, host=host.name)
    run.no_way_back()
    backends.controller(host).ensure_off()
    return lambda: mark_off(host, Certainty.CONTROLLER)


@handles(HOST_READMIT)
def readmit(run: OperationContext) -> Settle:
    """Remove what is left on a host of VMs that were started elsewhere, running or not; then let it take VMs.

    Each of them, found there or not: the host then refuses every older order that may still be on its way.
    """
    host = Host.objects.get(pk=run.target_id)
    hypervisor = backends.hypervisor_of_failed(host, run)
    run.step(_("Removing moved VMs from %(host)s"), 30, host=host.name)
    for vm_id in moved_vms(host, (vm.id for vm in hypervisor.observe().vms)):
        hypervisor.ensure_vm_absent(vm_id)
    return lambda: returned(host)
