"""What hosts report of VMs, and what follows from it.

1. A VM's seen power is what its host says, unless an operation is at work on it (on a disk of it, too: a snapshot may
   pause it for a moment) or was about when the report was sent
   (what was looked at a moment before may be older than what the operation did).
2. A guest that powered itself off stays off: once it has been seen off for a while, off is also what is wanted.
   Not at once: a host that is shutting down stops its guests first, and those must come back with it.
3. A host that was off has stopped its VMs. Those that are wanted on are started by the platform.
4. A VM that its host has paused is resumed once the host says that the cause is gone.
5. Where a VM is whose migration was broken off with one of its hosts away is settled once both may answer.
6. A guest that has run for long enough has read its first-boot data: what is secret of it is removed.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import timedelta

from django.db import connection, transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.db.models.functions import Now
from django.utils.translation import gettext_noop as _

from apps.accounts.access import granted_among
from apps.compute.guests_behind import tell_guests_behind
from apps.compute.left_migrations import settle_migrations
from apps.compute.models import Image, PauseReason, Power, Vm
from apps.compute.recovery import recovery_failed_last
from apps.compute.services.power import finish_first_boot, resume_vm, start_vm
from apps.compute.verbs import (
    VM_CREATE,
    VM_FINISH_FIRST_BOOT,
    VM_RESTART,
    VM_RESUME,
    VM_RETRY,
    VM_START,
)
from apps.drivers.specs import RESUMABLE
from apps.infrastructure.models import SILENCE, Host
from apps.infrastructure.reports import Reading
from apps.lifecycle import push
from apps.lifecycle.actor import SYSTEM
from apps.lifecycle.errors import Refused
from apps.lifecycle.models import Event, Operation, OperationStatus, State

log = logging.getLogger(__name__)

#: How long a guest must be seen off until it is believed to want it.
SETTLED = timedelta(seconds=20)
#: What ends with the VM running.
STARTING = (VM_CREATE.name, VM_RETRY.name, VM_START.name, VM_RESTART.name)

#: A VM that is paused again at once, since many wait for a little room, is resumed no more often than this.
RESUME_EVERY = timedelta(minutes=1)
#: A guest agent is started after cloud-init has read and kept its data, in the first seconds of a boot. Windows' first
#: boots are several, and take long; of a guest without an agent nothing is known but that it runs.
READ_WITH_AGENT, READ_WITHOUT = timedelta(minutes=10), timedelta(hours=24)
#: So many VMs' first-boot data is removed in one round, and one that failed is tried again after this.
AT_ONCE, AGAIN = 20, timedelta(hours=1)
PAUSED = {
    PauseReason.NO_SPACE: _(
        "Paused: the storage pool is full. The VM resumes automatically when there is free space."
    ),
    PauseReason.IO_ERROR: _(
        "Paused: disk I/O error. The VM resumes automatically when the disk works again."
    ),
    PauseReason.WATCHDOG: _("Paused: the watchdog timer expired."),
    PauseReason.MIGRATION: _("Paused: migration in progress."),
    PauseReason.OTHER: _("Paused: the cause is unknown."),
}

# One statement for all VMs of all hosts; rows that already say so are not touched. The ids of a host come in one text,
# since a parameter for each of 25,000 VMs costs more than all the rest.
_SEE = """
WITH reported AS (
    SELECT * FROM unnest(%s::uuid[], %s::timestamptz[], %s::text[], %s::text[], %s::text[])
               AS reported(host, at, power, paused, ids)
), seen AS (
    SELECT host, at, power, paused, unnest(string_to_array(ids, ','))::uuid AS id FROM reported
)
UPDATE compute_vm vm
   SET power_seen = seen.power, pause_reason = seen.paused, power_seen_at = seen.at
  FROM seen
 WHERE vm.resource_id = seen.id AND vm.host_id = seen.host
   AND (vm.power_seen, vm.pause_reason) <> (seen.power, seen.paused)
   AND vm.power_seen_at < seen.at - interval '3 seconds'
   AND NOT EXISTS (SELECT FROM lifecycle_operation o
                    WHERE o.resource_id = seen.id AND o.exclusive AND o.status IN ('queued', 'running'))
   AND NOT EXISTS (SELECT FROM lifecycle_operationlock l WHERE l.resource_id = seen.id)
RETURNING vm.resource_id
"""

# Most VMs have nothing to be configured: they are not named here.
_SEE_GUESTS = """
WITH reported AS (
    SELECT * FROM unnest(%s::uuid[], %s::bool[], %s::text[], %s::text[]) AS reported(host, configured, reason, ids)
), seen AS (
    SELECT host, configured, reason, unnest(string_to_array(ids, ','))::uuid AS id FROM reported
)
UPDATE compute_vm vm SET guest_configured = seen.configured, guest_network_reason = seen.reason
  FROM seen
 WHERE vm.resource_id = seen.id AND vm.host_id = seen.host
   AND (vm.guest_configured, vm.guest_network_reason) <> (seen.configured, seen.reason)
RETURNING vm.resource_id
"""


def take_reports(readings: Sequence[Reading]) -> None:
    """Bring VMs up to what their hosts reported."""
    _see(readings)
    _see_guest_networks(readings)
    _start_again([reading for reading in readings if reading.rebooted])
    believe_guests()
    _resume(readings)
    _finish_first_boots(readings)
    tell_guests_behind([reading.host.pk for reading in readings])
    settle_migrations()


def _see_guest_networks(readings: Sequence[Reading]) -> None:
    """Note which guests have the network that their agents were told, and why others have not."""
    rows = [
        (reading.host.pk, configured, reason, ",".join(ids))
        for reading in readings
        for (configured, reason), ids in _by_guest_network(reading).items()
    ]
    if not rows:
        return
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute(_SEE_GUESTS, [list(column) for column in zip(*rows, strict=True)])
            changed = [pk for (pk,) in cursor.fetchall()]
        for vm in Vm.objects.filter(pk__in=changed):
            push.resource_changed(vm)


def report_reachability(hosts: Sequence[Host]) -> None:
    """Have pages look again at the VMs of hosts that went unreachable or came back: how old their state is shows."""
    on_them = Vm.objects.filter(host__in=[host.pk for host in hosts])
    places = on_them.order_by().values_list("tenant", "project").distinct()
    push.many_changed("vm", places, granted_among(on_them))


def _see(readings: Sequence[Reading]) -> None:
    rows = [
        (reading.host.pk, reading.seen_at, power, paused, ",".join(ids))
        for reading in readings
        for (power, paused), ids in _by_state(reading).items()
    ]
    if not rows:
        return
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute(_SEE, [list(column) for column in zip(*rows, strict=True)])
            changed = [pk for (pk,) in cursor.fetchall()]
        for vm in Vm.objects.filter(pk__in=changed):
            code, message = _what_was_seen(vm)
            Event.objects.create(resource=vm, code=code, message=message)
            push.resource_changed(vm)


def _by_state(reading: Reading) -> dict[tuple[str, str], list[str]]:
    """Return power and reason of a pause → the VMs of which the host says so."""
    found: dict[tuple[str, str], list[str]] = {}
    for vm in reading.report.observation.vms:
        found.setdefault((vm.power.value, vm.paused.value), []).append(vm.id)
    return found


def _by_guest_network(reading: Reading) -> dict[tuple[bool, str], list[str]]:
    """Return whether configured, and why not → the VMs of which the host says so, of those that it has a word on."""
    found: dict[tuple[bool, str], list[str]] = {}
    for vm in reading.report.observation.vms:
        if vm.guest_network or vm.guest_network_reason:
            found.setdefault((vm.guest_network > 0, vm.guest_network_reason.value), []).append(vm.id)
    return found


def _what_was_seen(vm: Vm) -> tuple[str, str]:
    if vm.pause_reason:
        return "vm.seen_paused", PAUSED[PauseReason(vm.pause_reason)]
    return f"vm.seen_{vm.power_seen}", _("Reported running.") if vm.is_on else _("Reported stopped.")


def _resume(readings: Sequence[Reading]) -> None:
    """Resume VMs of which their hosts say that they could go on."""
    ready = Q()
    for reading in readings:
        if ids := [vm.id for vm in reading.report.observation.vms if vm.resumable]:
            ready |= Q(host_id=reading.host.pk, pk__in=ids)
    if not ready:  # nothing is paused, as nearly always
        return
    lately = Operation.objects.filter(
        target_id=OuterRef("pk"), verb=VM_RESUME.name, finished_at__gt=Now() - RESUME_EVERY
    )
    paused = _at_rest().filter(ready, ~Exists(lately), power=Power.ON, pause_reason__in=RESUMABLE)
    for vm in paused:
        try:
            resume_vm(SYSTEM, vm)
        except Refused as refusal:
            log.info("VM %s not resumed: %s", vm.pk, refusal.message)


def _finish_first_boots(readings: Sequence[Reading]) -> None:
    """Remove the first-boot data of guests that must have read it."""
    with_agent = [
        vm.id for r in readings for vm in r.report.observation.vms if vm.guest_agent and not vm.paused
    ]
    has_agent = Q(pk__in=with_agent, image__os_family=Image.Family.LINUX)
    read = Q(power_seen_at__lt=Now() - READ_WITHOUT)
    if with_agent:
        read |= has_agent & Q(power_seen_at__lt=Now() - READ_WITH_AGENT)
    lately = Operation.objects.filter(
        target_id=OuterRef("pk"), verb=VM_FINISH_FIRST_BOOT.name, finished_at__gt=Now() - AGAIN
    )
    due = _at_rest().filter(
        read,
        ~Exists(lately),
        first_boot_done_at__isnull=True,
        pause_reason="",
        host_id__in=[reading.host.pk for reading in readings],
    )
    with_secrets = due.exclude(sealed_password_hash="", sealed_user_data="")
    for vm in with_secrets[:AT_ONCE]:
        try:
            finish_first_boot(SYSTEM, vm)
        except Refused as refusal:
            log.info("First-boot data of VM %s not removed: %s", vm.pk, refusal.message)


def _at_rest() -> QuerySet[Vm]:
    """Return the VMs that are seen on and that no operation works on."""
    at_work = Operation.objects.open().filter(resource=OuterRef("pk"), exclusive=True)
    return Vm.objects.filter(~Exists(at_work), state=State.READY, power_seen=Power.ON)


def _start_again(readings: Sequence[Reading]) -> None:
    """Start what power cuts or reboots stopped: of all hosts that are back the most important VMs first.

    Operations are carried out in the order of their requests, as many at a time as there are workers.
    """
    at_work = Operation.objects.open().filter(resource=OuterRef("pk"), exclusive=True)
    for reading in readings:
        Vm.objects.filter(~Exists(at_work), host_id=reading.host.pk, power_seen=Power.ON).update(
            power_seen=Power.OFF, pause_reason="", power_seen_at=reading.seen_at
        )
        Event.objects.create(
            resource=reading.host, code="host.rebooted", message=_("The host was down and is up again.")
        )
    hosts = [reading.host.pk for reading in readings]
    stopped = Vm.objects.filter(
        host_id__in=hosts, power=Power.ON, power_seen=Power.OFF, state=State.READY
    ).order_by("-ha_priority", "created_at")
    for vm in stopped if hosts else ():
        _start(vm)


def _start(vm: Vm) -> None:
    try:
        start_vm(SYSTEM, vm)
    except Refused as refusal:
        log.info("VM %s not started again: %s", vm.pk, refusal.message)


def _lost_with_its_host(vm: Vm) -> bool:
    """Whether the VM is off since its host was, and could not be started then: an operation was at work on it."""
    back = Event.objects.filter(resource=vm.host, code="host.rebooted").order_by("-at").first()
    started = Operation.objects.filter(target_id=vm.pk, verb__in=STARTING, status=OperationStatus.DONE)
    return back is not None and not started.filter(finished_at__gt=back.at).exists()


def believe_guests() -> None:
    """Want off what has been seen off for a while without anybody having asked for it."""
    at_work = Operation.objects.open().filter(resource=OuterRef("pk"), exclusive=True)
    gone_off = Vm.objects.filter(
        ~Exists(at_work),
        power=Power.ON,
        power_seen=Power.OFF,
        power_seen_at__lt=Now() - SETTLED,
        state=State.READY,
        host__last_report_at__gt=Now() - SILENCE,
    )
    for vm in gone_off.order_by("-ha_priority", "created_at")[:500]:
        if _lost_with_its_host(vm) or recovery_failed_last(vm):
            _start(vm)
            continue
        with transaction.atomic():
            if Vm.objects.filter(pk=vm.pk, power=Power.ON, power_seen=Power.OFF).update(power=Power.OFF):
                Event.objects.create(
                    resource=vm, code="vm.guest_off", message=_("Stopped by the guest. The VM stays stopped.")
                )
