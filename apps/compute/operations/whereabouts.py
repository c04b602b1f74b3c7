"""Where a VM is that was on its way to another host: both hosts are asked, and what is left on the other is removed.

A guest runs on one host only: QEMU on the target begins when that on the source has stopped for good. So a VM that
runs on the target has moved, and one that runs on the source has not. Only where it waits on both nobody can tell yet:
libvirt ends that by itself within half a minute, when whoever connected the two is gone.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence

from django.db import connection, transaction
from django.db.models.functions import Now
from django.utils.translation import gettext_noop as _

from apps.compute.models import Power, Vm
from apps.compute.specs import vm_spec
from apps.drivers.errors import DriverError
from apps.drivers.hypervisor_errors import UNREACHABLE
from apps.drivers.specs import Presence
from apps.infrastructure import backends, placement
from apps.infrastructure.failed_hosts import is_failed
from apps.infrastructure.models import Host, Region
from apps.lifecycle import push
from apps.lifecycle.operation_context import OperationContext

log = logging.getLogger(__name__)

#: libvirt closes connections that nobody answers on after 30 seconds, and ends migrations with them.
PATIENCE_SECONDS = 45.0
LOOK_SECONDS = 1.0
#: After this nothing will be decided by itself.
MOST_SECONDS = 3 * PATIENCE_SECONDS
#: What a host may have of a VM that runs elsewhere.
_COPIED_AWAY = (Presence.ABSENT, Presence.WAITING)


def settle_whereabouts(run: OperationContext, vm: Vm, region: Region) -> Host:
    """Find where a VM from `read_vm` is, write that, and return its host. Raises DriverError where nobody can tell."""
    source, target = hosts_of(vm)
    where, presence = find(run, vm, source, target)
    bind_ports(run, vm, region, ())
    write_whereabouts(run, vm, where, presence)
    return where


def hosts_of(vm: Vm) -> tuple[Host, Host]:
    """Return the host a VM comes from, and that it goes to."""
    assert vm.host is not None and vm.next_host is not None
    return vm.host, vm.next_host


def find(run: OperationContext, vm: Vm, source: Host, target: Host) -> tuple[Host, Presence]:
    """Return where the VM is and how, with nothing of it left on the other host, and nothing under way."""
    started = time.monotonic()
    while True:
        waited = time.monotonic() - started
        found = _judged(run, vm, source, target, patient=waited < PATIENCE_SECONDS)
        if found is not None:
            return found
        if waited > MOST_SECONDS:
            raise _undecided(vm)
        if not connection.in_atomic_block:
            connection.close()  # back to the pool: a waiting handler needs none
        run.lost.wait(LOOK_SECONDS)
        run.guard()


def bind_ports(run: OperationContext, vm: Vm, region: Region, hosts: Sequence[Host]) -> None:
    """Bind the ports of a VM to hosts: to any for none, to two while it moves."""
    ports = [nic.port_id for nic in vm_spec(vm).nics]
    backends.fabric(region, run).ensure_hosts(ports, [host.name for host in hosts])


def write_whereabouts(run: OperationContext, vm: Vm, where: Host, presence: Presence) -> None:
    """Write where the VM is, once, and give the room on the other host back."""
    source, target = hosts_of(vm)
    power = Power.ON if presence is Presence.RUNNING else Power.OFF
    with transaction.atomic():
        run.guard()
        rows = Vm.objects.filter(pk=vm.pk, host=source, next_host=target)
        settled = rows.update(
            host=where, next_host=None, power_seen=power, pause_reason="", power_seen_at=Now()
        )
        if settled:
            placement.release(source.pk if where == target else target.pk, vm.need)
    push.resource_changed(vm)


def _judged(
    run: OperationContext, vm: Vm, source: Host, target: Host, *, patient: bool
) -> tuple[Host, Presence] | None:
    """Return where it is, None where that is not decided yet."""
    here, there = _presence(run, source, vm), _presence(run, target, vm)
    if here is there is Presence.RUNNING:  # asked one after the other: it may have moved in between
        if patient:
            return None
        raise _on_two_hosts(vm)
    if there is Presence.RUNNING or (there is Presence.OFF and here in _COPIED_AWAY):
        _clear(run, source, vm)
        return target, there
    if here is None or (there is None and here in _COPIED_AWAY):
        raise _unreachable(source if here is None else target)
    if there is Presence.WAITING and patient:
        if here is Presence.RUNNING:
            backends.hypervisor(source, run).ensure_stays(str(vm.pk))
        return None
    if there is Presence.WAITING and here is Presence.ABSENT:
        backends.hypervisor(target, run).ensure_stays(str(vm.pk))  # the only one there is
        return None
    return _stayed(run, vm, source, target)


def _stayed(run: OperationContext, vm: Vm, source: Host, target: Host) -> tuple[Host, Presence] | None:
    """It has not moved: what waits on the target cannot run any more, since nobody connects the two."""
    _clear(run, target, vm)
    if is_failed(source.name):
        return source, Presence.ABSENT
    hypervisor = backends.hypervisor(source, run)
    hypervisor.ensure_stays(str(vm.pk))
    presence = hypervisor.presence(str(vm.pk))
    return None if presence is Presence.WAITING else (source, presence)


def _on_two_hosts(vm: Vm) -> DriverError:
    return DriverError(
        _("VM %(vm)s seems to run on two hosts."),
        values={"vm": vm.name},
        code="vm.on_two_hosts",
        permanent=True,
        hint=_("Check both hosts by hand before anything else: power one of them off."),
    )


def _presence(run: OperationContext, host: Host, vm: Vm) -> Presence | None:
    """Return what a host has of the VM, None where it does not answer. One that is certainly off runs nothing."""
    if is_failed(host.name):
        return Presence.ABSENT
    try:
        return backends.hypervisor(host, run).presence(str(vm.pk))
    except DriverError as error:
        if error.code != UNREACHABLE:
            raise
        return None


def _clear(run: OperationContext, host: Host, vm: Vm) -> None:
    """Remove what a host has of a VM that is certain not to run there; one that is away is left to reconciliation."""
    if is_failed(host.name):  # it removes what it has before it takes VMs again
        return
    try:
        backends.hypervisor(host, run).ensure_vm_absent(str(vm.pk))
    except DriverError as error:
        if error.code != UNREACHABLE:
            raise
        log.warning("VM %s: what is left of it on %s stays, as the host is away", vm.pk, host.name)


def _undecided(vm: Vm) -> DriverError:
    return DriverError(
        _("It is not certain where VM %(vm)s runs: it waits for the end of a migration."),
        values={"vm": vm.name},
        code="vm.waits_for_migration",
        hint=_("See the libvirt logs of both hosts. The platform retries automatically."),
    )


def _unreachable(host: Host) -> DriverError:
    return DriverError(
        _("Host %(host)s did not respond, so it is not certain where the VM runs."),
        values={"host": host.name},
        code=UNREACHABLE,
        hint=_("Check that the host is up and its agent is running."),
    )
