"""Moving VMs to other hosts. Safe to run again from its top: each attempt first asks both hosts where the VM is."""

from __future__ import annotations

import time
from contextlib import suppress
from datetime import timedelta
from threading import BoundedSemaphore

from django.db import connection
from django.utils.translation import gettext_noop as _

from apps.compute.models import Power, Vm
from apps.compute.operations.parts import ensure_ports, read_vm, switch_on, tell_guest
from apps.compute.operations.whereabouts import (
    bind_ports,
    find,
    hosts_of,
    settle_whereabouts,
    write_whereabouts,
)
from apps.compute.platform_settings import (
    MIGRATION_CONVERGE,
    MIGRATION_DOWNTIME_MS,
    MIGRATION_MIB_PER_SECOND,
    MIGRATION_MINUTES,
)
from apps.compute.specs import vm_spec
from apps.compute.verbs import MIGRATION_DEADLINE, VM_MIGRATE
from apps.drivers.errors import DriverError
from apps.drivers.protocols import Migration
from apps.drivers.specs import MigrationLimits, MigrationProgress, Presence
from apps.infrastructure import backends
from apps.infrastructure.failed_hosts import is_failed
from apps.infrastructure.models import Host, Region
from apps.lifecycle.handlers import Settle, handles
from apps.lifecycle.operation_context import CancelRequested, OperationContext

#: So many migrations a worker watches at a time; each takes one of its threads.
MOST_AT_ONCE = 2
places = BoundedSemaphore(MOST_AT_ONCE)
WATCH_SECONDS = 0.5
#: A migration that was cancelled ends within this.
END_SECONDS = 30.0
#: Percent of the whole between which memory is copied.
BEGINS, ENDS = 10, 90
MIB = 1 << 20


@handles(VM_MIGRATE)
def migrate(run: OperationContext) -> Settle:
    """Move the VM. However that ends, the row says where it is and nothing of it is left on the other host."""
    vm, _host, region = read_vm(run.target_id)
    if vm.next_host is None:
        raise _given_up()
    source, target = hosts_of(vm)
    try:
        presence = _move(run, vm, source, target, region)
    except CancelRequested:
        # Unless a host is away: then whoever needs the VM next settles it, or the platform does (`observation.py`).
        with suppress(DriverError):
            settle_whereabouts(run, vm, region)
        raise
    except DriverError as error:
        if not error.permanent:
            raise
        with suppress(DriverError):
            if settle_whereabouts(run, vm, region) == target:
                return lambda: None  # it was too late to give it up
        raise
    return lambda: write_whereabouts(run, vm, target, presence)


def _move(run: OperationContext, vm: Vm, source: Host, target: Host, region: Region) -> Presence:
    run.step(
        _("Migrating %(vm)s from %(source)s to %(host)s"),
        2,
        vm=vm.name,
        source=source.name,
        host=target.name,
    )
    where, presence = find(run, vm, source, target)
    if where != target and presence is Presence.RUNNING and not is_failed(target.name):
        _move_running(run, vm, source, target, region)
        where, presence = find(run, vm, source, target)
    elif where == source and is_failed(source.name):
        raise _host_failed(source, code="vm.source_failed")
    elif where == source and is_failed(target.name):
        _back_on(run, vm, source, region)
        raise _host_failed(target, code="vm.target_failed")
    elif where != target:
        _move_stopped(run, vm, source, target)
        presence = Presence.OFF
    run.step(_("Connecting to the network"), 95)
    bind_ports(run, vm, region, ())
    # Its addresses have moved with its memory; the host repeats it once the agent answers.
    with suppress(DriverError):
        tell_guest(backends.hypervisor(target, run), vm)
    return presence


def _move_stopped(run: OperationContext, vm: Vm, source: Host, target: Host) -> None:
    """A VM that is off is a definition, made where it is to start; its disks are where both hosts reach them."""
    run.step(_("Defining the VM on %(host)s"), 50, host=target.name)
    backends.hypervisor(target, run).ensure_vm(vm_spec(vm))
    run.no_way_back()
    run.step(_("Removing from %(host)s"), 80, host=source.name)
    backends.hypervisor(source, run).ensure_vm_absent(str(vm.pk))


def _move_running(run: OperationContext, vm: Vm, source: Host, target: Host, region: Region) -> None:
    run.extend(run.operation.created_at + MIGRATION_DEADLINE + timedelta(minutes=MIGRATION_MINUTES.value()))
    if not places.acquire(blocking=False):
        run.step(_("Waiting for other migrations"), 3)
        run.wait_until(
            lambda: places.acquire(blocking=False), within=MIGRATION_DEADLINE, error=_too_many(), every=1.0
        )
    try:
        run.step(_("Preparing %(host)s"), 5, host=target.name)
        arrival = backends.hypervisor(target, run).ensure_arrival(vm_spec(vm))
        bind_ports(run, vm, region, (source, target))
        run.step(_("Copying memory to %(host)s"), BEGINS, host=target.name)
        run.guard()
        migration = backends.migrations(source, target).start(str(vm.pk), arrival, _limits())
        try:
            _watch(run, migration, target)
        finally:
            if not migration.wait(0):
                migration.cancel()
                migration.wait(END_SECONDS)
        migration.result()
        run.restep(_("Copying memory to %(host)s"), ENDS, host=target.name)
    finally:
        places.release()


def _watch(run: OperationContext, migration: Migration, target: Host) -> None:
    """Show how far it is until it has ended. Raises what `run.check` does, and DriverError after the time limit."""
    minutes = MIGRATION_MINUTES.value()
    give_up = time.monotonic() + minutes * 60
    shown = MigrationProgress()
    if not connection.in_atomic_block:
        connection.close()  # back to the pool: a waiting handler needs none
    while not migration.wait(WATCH_SECONDS):
        run.check()
        if time.monotonic() > give_up:
            raise _too_slow(minutes)
        if (progress := migration.progress()) != shown:
            shown = progress
            _show(run, progress, target)


def _show(run: OperationContext, progress: MigrationProgress, target: Host) -> None:
    run.restep(
        _(
            "Copying memory to %(host)s: %(left)s of %(total)s MiB left, %(speed)s MiB/s, "
            "expected downtime %(downtime)s ms, guest slowed by %(slowed)s%%"
        ),
        BEGINS + (ENDS - BEGINS) * progress.percent // 100,
        host=target.name,
        left=progress.remaining_bytes // MIB,
        total=progress.total_bytes // MIB,
        speed=progress.bytes_per_second // MIB,
        downtime=progress.downtime_ms,
        slowed=progress.slowed_percent,
    )


def _limits() -> MigrationLimits:
    return MigrationLimits(
        converge=MIGRATION_CONVERGE.value(),
        downtime_ms=MIGRATION_DOWNTIME_MS.value(),
        mib_per_second=MIGRATION_MIB_PER_SECOND.value(),
    )


def _given_up() -> DriverError:
    return DriverError(
        _("The migration was given up. The VM is where its page says."),
        code="vm.migration_given_up",
        permanent=True,
        hint=_("Migrate it again."),
    )


def _back_on(run: OperationContext, vm: Vm, source: Host, region: Region) -> None:
    """Start a VM where it came from that had arrived on a host that is off: it runs nowhere."""
    hypervisor = backends.hypervisor(source, run)
    if vm.power == Power.ON and hypervisor.presence(str(vm.pk)) is not Presence.RUNNING:
        run.step(_("Starting on %(host)s"), 60, host=source.name)
        ensure_ports(run, vm, region)
        switch_on(run, hypervisor, vm, source)


def _host_failed(host: Host, *, code: str) -> DriverError:
    return DriverError(
        _("Host %(host)s failed while the VM was being moved."),
        values={"host": host.name},
        code=code,
        permanent=True,
        hint=_("See the VM’s page for where it runs now. The platform starts it again where that is safe."),
    )


def _too_many() -> DriverError:
    return DriverError(
        _("Other migrations did not finish in time."),
        code="vm.migrations_waiting",
        permanent=True,
        hint=_("Retry when they have finished."),
    )


def _too_slow(minutes: int) -> DriverError:
    return DriverError(
        _("The migration did not finish within %(minutes)s minutes. The VM stays on its host."),
        values={"minutes": minutes},
        code="vm.migration_too_slow",
        permanent=True,
        hint=_("Retry when the guest writes less memory, or change the migration settings."),
    )
