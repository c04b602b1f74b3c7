"""Draining a host: asks for the migration of its VMs, a few at a time. Safe to run again from its top.

It waits in no thread: each look asks for what can begin, and hands the operation back. All that it knows it reads from
the VMs and their migrations, so it may be killed at any point.
"""

from __future__ import annotations

import logging
from datetime import datetime, timedelta

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_noop as _

from apps.compute.drain_plan import PlannedMove, vms_of
from apps.compute.drain_progress import DrainProgress, drain_progress
from apps.compute.platform_settings import DRAIN_AT_ONCE
from apps.compute.services.migration import migrate_vm
from apps.drivers.errors import DriverError
from apps.infrastructure.models import Host, Liveness
from apps.infrastructure.verbs import HOST_DRAIN
from apps.lifecycle import push
from apps.lifecycle.actor import SYSTEM
from apps.lifecycle.errors import Refused
from apps.lifecycle.handlers import Settle, handles
from apps.lifecycle.models import Event
from apps.lifecycle.operation_context import OperationContext, RetryLater

log = logging.getLogger(__name__)

#: With nothing moving, other tasks of VMs and refusals are waited for so long.
PATIENCE = timedelta(minutes=15)
#: So many VMs are named in an error.
NAMED = 3
MOVING = _("%(moved)s of %(total)s VMs moved")
WAITING = _("%(moved)s of %(total)s VMs moved, waiting for other tasks of %(waiting)s")


@handles(HOST_DRAIN)
def drain(run: OperationContext) -> Settle:
    """Look where the VMs are, and ask for the next ones to be moved."""
    host = Host.objects.select_related("cluster").get(pk=run.target_id)
    if host.failure or host.liveness in (Liveness.SUSPECTED, Liveness.UNKNOWN):
        # It may have to be fenced, which waits for this operation.
        raise _may_be_dead(host)
    progress = drain_progress(host, run.operation)
    if not progress.left:
        return lambda: _settle(host)
    free = DRAIN_AT_ONCE.value() - len(progress.moving)
    asked = sum(_ask(run, host, move) for move in progress.ready[: max(free, 0)])
    if asked or progress.moving:
        _show(run, MOVING, progress)
        raise RetryLater
    if progress.ready or progress.waiting:
        _show(run, WAITING, progress)
        if timezone.now() - datetime.fromisoformat(run.steps[-1]["at"]) < PATIENCE:
            raise RetryLater
    raise _not_empty(host, progress)


def _ask(run: OperationContext, host: Host, move: PlannedMove) -> bool:
    """Ask for the migration of one VM; what is refused is looked at again, by what the plan says then."""
    run.check()
    assert move.target is not None
    try:
        with transaction.atomic():
            migrate_vm(SYSTEM, move.vm, host=move.target.pk, from_host=host.pk)
    except Refused as refusal:
        log.info("VM %s not moved off %s: %s", move.vm.pk, host.name, refusal.message)
        return False
    return True


def _show(run: OperationContext, template: str, progress: DrainProgress) -> None:
    """Say how far it is; the step keeps its time while it says the same kind of thing."""
    waiting = ", ".join(move.vm.name for move in [*progress.waiting, *progress.ready][:NAMED])
    values = {"moved": progress.moved, "total": progress.total}
    if template == WAITING:
        values["waiting"] = waiting  # type: ignore[assignment]
    say = run.restep if run.steps and run.steps[-1].get("template") == template else run.step
    say(template, 100 * progress.moved // progress.total, **values)


def _settle(host: Host) -> None:
    """Note that the host is empty. Nothing can have come since: placement gives it no VMs."""
    Host.objects.select_for_update(no_key=True).get(pk=host.pk)
    if vms_of(host).exists():
        raise DriverError(
            _("A VM has come to host %(host)s."),
            values={"host": host.name},
            code="host.not_empty",
            hint=_("The platform retries automatically."),
        )
    Event.objects.create(
        resource=host, code="host.drained", message=_("The host is empty and in maintenance.")
    )
    push.resource_changed(host)


def _not_empty(host: Host, progress: DrainProgress) -> DriverError:
    names = [move.vm.name for move in (*progress.staying, *progress.waiting, *progress.ready)]
    shown = ", ".join(names[:NAMED]) + (" …" if len(names) > NAMED else "")
    return DriverError(
        _("Drained but for %(left)s VMs: %(names)s."),
        values={"left": len(names), "names": shown},
        code="host.not_empty",
        permanent=True,
        hint=_(
            "See the Maintenance tab of the host for each VM’s reason. Solve it, then drain the host again."
        ),
    )


def _may_be_dead(host: Host) -> DriverError:
    return DriverError(
        _("Host %(host)s missed its heartbeats while it was being drained."),
        values={"host": host.name},
        code="host.failed_while_drained",
        permanent=True,
        hint=_("Check the host. When it reports again, drain it again."),
    )
