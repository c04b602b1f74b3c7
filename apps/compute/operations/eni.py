"""Elastic NICs at VMs. Every handler is safe to run again from its top."""

from __future__ import annotations

from contextlib import suppress
from functools import partial

from django.db.models import F
from django.utils.translation import gettext_noop as _

from apps.compute.models import Vm
from apps.compute.operations.parts import load_vm
from apps.compute.specs import vm_guest_network, vm_spec, without_nic
from apps.drivers.errors import DriverError
from apps.drivers.guest_network import WORDS
from apps.drivers.hypervisor_errors import VM_MISSING
from apps.drivers.protocols import Hypervisor
from apps.drivers.specs import VmNics, VmSpec
from apps.infrastructure import backends
from apps.infrastructure.reachability import is_silent
from apps.lifecycle import push
from apps.lifecycle.handlers import Settle, handles
from apps.lifecycle.operation_context import LeaseLost, OperationContext
from apps.network.models import Eni
from apps.network.operations.eni import (
    ensure_eni_port,
    ensure_eni_port_absent,
    load_eni,
    settle_eni_deleted,
)
from apps.network.verbs.eni import ENI_BIND, ENI_FORCE_CLEAN, ENI_RESYNC, ENI_UNBIND, RELEASE_PATIENCE
from apps.reconciliation.operations.common import keep_remaining, repairing

NOT_RELEASED = "eni.not_released"


@handles(ENI_BIND)
def bind_eni(run: OperationContext) -> Settle | None:
    """Have the guest that has the NIC release it, then plug it into the VM that was meant."""
    eni, wanted = load_eni(run.target_id), run.operation.args["vm"]
    if eni is None or wanted not in (str(eni.vm_id), str(eni.next_vm_id)):
        run.step(_("The elastic NIC is no longer assigned to this VM. Nothing was changed."))
        return None
    left: Vm | None = None
    if eni.next_vm_id is not None:
        if eni.vm_id is not None:
            left = _leave(run, eni)
        eni = _arrive(run, eni)
    run.step(_("Connecting to the network"), 50)
    ensure_eni_port(run, eni)
    vm = _plug_in(run, eni)
    return lambda: _push(vm, left)


@handles(ENI_UNBIND)
def unbind_eni(run: OperationContext) -> Settle | None:
    """Have the guest release the NIC."""
    eni = load_eni(run.target_id)
    if eni is None or str(eni.vm_id) != run.operation.args["vm"]:
        run.step(_("The elastic NIC is not bound to this VM any more. Nothing was changed."))
        return None
    vm = _leave(run, eni)
    return lambda: _settle_unbound(eni, vm)


@handles(ENI_RESYNC)
@repairing
def resync_eni(run: OperationContext) -> Settle | None:
    """Port, definition and running guest as the rows say."""
    eni = load_eni(run.target_id)
    if eni is None:
        return None
    run.step(_("Connecting to the network"), 30)
    ensure_eni_port(run, eni)
    if eni.vm_id is None:
        return None
    vm = _plug_in(run, eni)
    return lambda: _push(vm)


@handles(ENI_FORCE_CLEAN)
@repairing
def force_clean_eni(run: OperationContext) -> Settle | None:
    """Remove what can be removed, and the rows in any case."""
    eni = load_eni(run.target_id)
    if eni is None:
        return None
    if eni.vm_id is not None:
        vm, host, _region = load_vm(run, eni.vm_id)
        run.step(_("Removing from %(host)s"), 20, host=host.name)
        if is_silent(host):
            run.step(
                _("Host %(host)s is unreachable. The VM there keeps the NIC without a connection."),
                None,
                host=host.name,
            )
        else:
            keep_remaining(run, partial(_let_go, backends.hypervisor(host, run), vm, eni))
    run.step(_("Removing from the network"), 60)
    keep_remaining(run, lambda: ensure_eni_port_absent(run, eni))
    return lambda: settle_eni_deleted(eni)


def ensure_nics(hypervisor: Hypervisor, spec: VmSpec) -> VmNics:
    """Bring the NICs of a VM to `spec`, in its definition and in the guest that runs; a VM that is lost is defined."""
    try:
        return hypervisor.ensure_nics(spec)
    except DriverError as error:
        if error.code != VM_MISSING:
            raise
    hypervisor.ensure_vm(spec)
    return hypervisor.ensure_nics(spec)


def _plug_in(run: OperationContext, eni: Eni) -> Vm:
    """Have the VM have its NICs, this one among them, and tell its guest what to do with it."""
    vm, host, _region = load_vm(run, eni.vm_id)
    run.step(_("Attaching the NIC on %(host)s"), 60, host=host.name)
    hypervisor = backends.hypervisor(host, run)
    if not ensure_nics(hypervisor, vm_spec(vm)).holds(str(eni.nic.pk)):
        raise DriverError(
            _("The VM does not have the NIC yet."),
            code="eni.not_there",
            hint=_("The platform retries automatically."),
        )
    run.step(_("Configuring the guest"), 80)
    state = hypervisor.ensure_guest_network(str(vm.pk), vm_guest_network(vm))
    if not state.applied:
        run.step(WORDS[state.reason])
    return vm


def _leave(run: OperationContext, eni: Eni) -> Vm:
    """Have the guest that has the NIC release it; return its VM."""
    vm, host, _region = load_vm(run, eni.vm_id)
    hypervisor = backends.hypervisor(host, run)
    run.step(_("Waiting for the guest of %(name)s to release the NIC"), 20, name=vm.name)
    try:
        run.wait_until(
            lambda: _unplug(hypervisor, vm, eni),
            within=RELEASE_PATIENCE,
            error=DriverError(
                _("The guest did not release the NIC within %(seconds)s seconds. It is still bound."),
                values={"seconds": int(RELEASE_PATIENCE.total_seconds())},
                code=NOT_RELEASED,
                permanent=True,
                hint=_("Wait until the guest has started, then retry. Or shut down the VM first."),
            ),
        )
    except DriverError as error:
        if error.code == NOT_RELEASED:
            # As its row says: at its next start the VM has it.
            with suppress(DriverError):
                ensure_nics(hypervisor, vm_spec(vm))
                hypervisor.ensure_guest_network(str(vm.pk), vm_guest_network(vm))
        raise
    return vm


def _unplug(hypervisor: Hypervisor, vm: Vm, eni: Eni) -> bool:
    """Have the guest release the NIC; return whether it has. A VM that its host does not know has none."""
    port = str(eni.nic.pk)
    try:
        # First, so that the guest's agent does not look for a NIC that is gone.
        hypervisor.ensure_guest_network(str(vm.pk), vm_guest_network(vm, but=eni))
        return not hypervisor.ensure_nics(without_nic(vm_spec(vm), port)).holds(port)
    except DriverError as error:
        if error.code != VM_MISSING:
            raise
        return True


def _let_go(hypervisor: Hypervisor, vm: Vm, eni: Eni) -> None:
    _unplug(hypervisor, vm, eni)


def _arrive(run: OperationContext, eni: Eni) -> Eni:
    """Write that the NIC is at the VM it was reserved a place at; from here on it is at no other."""
    run.check()
    run.guard()
    rows = Eni.objects.filter(pk=eni.pk, next_vm=eni.next_vm_id)
    if not rows.update(vm=F("next_vm"), slot=F("next_slot"), next_vm=None, next_slot=None):
        raise LeaseLost
    arrived = load_eni(eni.pk)
    assert arrived is not None
    return arrived


def _settle_unbound(eni: Eni, vm: Vm) -> None:
    Eni.objects.filter(pk=eni.pk, vm=vm.pk).update(vm=None, slot=None)
    _push(vm)


def _push(*vms: Vm | None) -> None:
    for vm in vms:
        if vm is not None:
            push.resource_changed(vm)
