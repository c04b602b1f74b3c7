"""Fencing hosts that are suspected dead, and taking back those that were off."""

from __future__ import annotations

import logging

from django.utils.translation import gettext_noop as _

from apps.drivers.errors import DriverError
from apps.drivers.protocols import Hypervisor
from apps.drivers.specs import Power
from apps.infrastructure import backends
from apps.infrastructure.failed_hosts import moved_vms, returned
from apps.infrastructure.models import Certainty, Host, Liveness
from apps.infrastructure.services.failure import mark_off
from apps.infrastructure.shutting_out import readmit_to_storage, shut_out
from apps.infrastructure.storage_fencing import storage_fencing
from apps.infrastructure.verbs import HOST_FENCE, HOST_READMIT
from apps.lifecycle.handlers import Settle, handles
from apps.lifecycle.operation_context import OperationContext

log = logging.getLogger(__name__)


@handles(HOST_FENCE)
def fence(run: OperationContext) -> Settle:
    """Switch the host off by its management controller, or have its storage refuse it; done once one has."""
    host = Host.objects.select_related("controller").get(pk=run.target_id)
    if run.operation.args.get("suspected") and host.liveness != Liveness.SUSPECTED:
        raise DriverError(
            _("Host %(host)s is not suspected any more."),
            values={"host": host.name},
            code="host.alive_again",
            permanent=True,
            hint=_("No action is needed."),
        )
    run.no_way_back()
    certainty = _make_certain(run, host)
    return lambda: mark_off(host, certainty)


def _make_certain(run: OperationContext, host: Host) -> Certainty:
    """Try the management controller, then the storage: a host that lost power may have lost both its supplies."""
    if hasattr(host, "controller"):
        run.step(_("Powering off %(host)s by its management controller"), 20, host=host.name)
        try:
            backends.controller(host).ensure_off()
        except DriverError as error:
            if storage_fencing(host).obstacle:
                raise
            log.warning("host %s: not powered off: %s", host.name, error.message)
        else:
            return Certainty.CONTROLLER
    run.step(_("Shutting %(host)s out of its storage"), 60, host=host.name)
    shut_out(run, host)
    return Certainty.STORAGE


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
    if host.shut_out:
        _readmit_to_storage(run, host, hypervisor)
    return lambda: returned(host)


def _readmit_to_storage(run: OperationContext, host: Host, hypervisor: Hypervisor) -> None:
    """Only once no guest is left that ran while the storage refused its writes."""
    for vm in hypervisor.observe().vms:
        hypervisor.ensure_power(vm.id, Power.OFF)
    run.step(_("Admitting %(host)s to its storage"), 70, host=host.name)
    readmit_to_storage(run, host)
