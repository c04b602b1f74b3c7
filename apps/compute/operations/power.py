"""Switching VMs on and off. Every handler is safe to run again from its top: drivers only ever ensure a state."""

from __future__ import annotations

from django.utils.translation import gettext_noop as _

from apps.compute.models import Power, Vm
from apps.compute.operations.parts import ensure_ports, load_vm, make_parts, switch_on
from apps.compute.operations.settling import note_seen, settle_created, settle_power
from apps.compute.specs import vm_spec
from apps.compute.verbs import SHUTDOWN_PATIENCE, VM_POWER_OFF, VM_RESTART, VM_RESUME, VM_SHUT_DOWN, VM_START
from apps.drivers.errors import DriverError
from apps.drivers.protocols import Hypervisor
from apps.drivers.specs import Power as DriverPower
from apps.infrastructure import backends
from apps.lifecycle.handlers import Settle, handles
from apps.lifecycle.models import State
from apps.lifecycle.operation_context import OperationContext

_SHUTDOWN_IGNORED = "vm.guest_ignored_shutdown"
_PAUSED = "vm.paused"


@handles(VM_START)
def start(run: OperationContext) -> Settle:
    """Bring network and definition up to date, then switch on."""
    vm, host, region = load_vm(run)
    run.step(_("Starting on %(host)s"), 30, host=host.name)
    ensure_ports(run, vm, region)
    switch_on(run, backends.hypervisor(host, run), vm, host)
    return lambda: settle_power(vm, Power.ON)


@handles(VM_SHUT_DOWN)
def shut_down(run: OperationContext) -> Settle:
    """Ask the guest, and wait until it has done so."""
    vm, host, _region = load_vm(run)
    _ask_guest(run, backends.hypervisor(host, run), vm)
    return lambda: settle_power(vm, Power.OFF)


@handles(VM_POWER_OFF)
def power_off(run: OperationContext) -> Settle:
    """Take the power away. A VM that was not made to its end is then made, and stays off."""
    vm, host, region = load_vm(run)
    hypervisor = backends.hypervisor(host, run)
    run.step(_("Powering off on %(host)s"), 10, host=host.name)
    run.no_stop_now()  # cancelled after this, the guest would be off all the same
    hypervisor.ensure_power(str(vm.pk), DriverPower.OFF)
    if vm.state != State.READY:
        make_parts(run, vm, host, region)
        hypervisor.ensure_vm(vm_spec(vm))
        return lambda: settle_created(vm, Power.OFF)
    return lambda: settle_power(vm, Power.OFF)


@handles(VM_RESTART)
def restart(run: OperationContext) -> Settle:
    """Shut the guest down, by force if need be, and start it. Done once it runs with the boot number asked for."""
    vm, host, region = load_vm(run)
    hypervisor = backends.hypervisor(host, run)
    seen = hypervisor.status(str(vm.pk))
    if seen.power is DriverPower.ON and seen.boot != vm.boot:
        try:
            _ask_guest(run, hypervisor, vm)
        except DriverError as error:
            if error.code not in (_SHUTDOWN_IGNORED, _PAUSED):
                raise
            run.step(error.template, None, **error.values)
            hypervisor.ensure_power(str(vm.pk), DriverPower.OFF)
    run.no_way_back()  # it is off now: cancelled here, it would stay so
    run.step(_("Starting on %(host)s"), 70, host=host.name)
    ensure_ports(run, vm, region)
    switch_on(run, hypervisor, vm, host)
    return lambda: settle_power(vm, Power.ON)


@handles(VM_RESUME)
def resume(run: OperationContext) -> Settle:
    """Let it go on. One that runs by now, or is off, is left as it is."""
    vm, host, _region = load_vm(run)
    run.step(_("Resuming on %(host)s"), 50, host=host.name)
    run.no_stop_now()
    seen = backends.hypervisor(host, run).ensure_resumed(str(vm.pk))
    if seen.paused:
        raise DriverError(
            _("The VM is still paused because the cause remains."),
            code="vm.still_paused",
            permanent=True,
            hint=_(
                "The VM resumes automatically when the cause is resolved. You can also restart it or power it off."
            ),
        )
    power = Power(seen.power.value)
    return lambda: note_seen(vm, power)


def _ask_guest(run: OperationContext, hypervisor: Hypervisor, vm: Vm) -> None:
    run.step(_("Requesting a guest shutdown"), 20)
    run.wait_until(
        lambda: _asked(hypervisor, vm) is DriverPower.OFF,
        within=SHUTDOWN_PATIENCE,
        error=DriverError(
            _("The guest did not shut down within %(seconds)s seconds."),
            values={"seconds": int(SHUTDOWN_PATIENCE.total_seconds())},
            code=_SHUTDOWN_IGNORED,
            permanent=True,
            hint=_("Shut down from inside the guest, or power off the VM."),
        ),
    )


def _asked(hypervisor: Hypervisor, vm: Vm) -> DriverPower:
    """Ask the guest once. One that is paused cannot answer, and is not waited for."""
    seen = hypervisor.ensure_power(str(vm.pk), DriverPower.OFF, graceful=True)
    if seen.paused:
        raise DriverError(
            _("The guest is paused and cannot shut down."),
            code=_PAUSED,
            permanent=True,
            hint=_("Restart or power off the VM."),
        )
    return seen.power
