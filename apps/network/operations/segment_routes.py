"""Handing out the changed routes of a segment to all that has an address of it."""

from __future__ import annotations

from datetime import timedelta
from itertools import chain

from django.db.models import Exists, OuterRef
from django.utils.translation import gettext_noop as _

from apps.drivers.errors import DriverError
from apps.lifecycle.actor import SYSTEM
from apps.lifecycle.acts import service_of
from apps.lifecycle.errors import Refused
from apps.lifecycle.handlers import handles
from apps.lifecycle.models import Operation, State
from apps.lifecycle.operation_context import OperationContext
from apps.network.models import Eip, Eni
from apps.network.verbs.eip import EIP_RESYNC
from apps.network.verbs.eni import ENI_RESYNC
from apps.network.verbs.external_segment import SEGMENT_CHANGE

#: Tasks on addresses, or on what has them, are waited for so long at a time.
ROUTES_PATIENCE = timedelta(minutes=4)


@handles(SEGMENT_CHANGE)
def change_segment(run: OperationContext) -> None:
    """Hand out changed routes: what is bound is brought up to them, each by an operation of its own."""
    if "routes" not in run.operation.args:
        return
    eips, enis = _with_old_routes(run)
    run.step(_("Changing the routes of %(count)s addresses"), 30, count=len(eips) + len(enis))
    if _hand_out(run):
        return
    # What is done with them now may still hand out the old routes.
    run.step(_("Waiting for other tasks on some of the addresses"), 60)
    busy = DriverError(
        _("Some addresses have the old routes: other tasks on them did not finish in time."),
        code="segment.busy",
        hint=_("The platform retries automatically."),
    )
    run.wait_until(lambda: _hand_out(run), within=ROUTES_PATIENCE, error=busy, every=2.0)


def _hand_out(run: OperationContext) -> bool:
    """Have each address brought up to the routes by an operation of its own; return whether all have one."""
    done = True
    for row in chain(*_with_old_routes(run)):
        run.check()
        try:
            service_of(EIP_RESYNC if isinstance(row, Eip) else ENI_RESYNC)(SYSTEM, row)
        except Refused:
            done = False
    return done


def _with_old_routes(run: OperationContext) -> tuple[list[Eip], list[Eni]]:
    """Return what may have the old routes: for what no resync was requested since the change."""
    since = Operation.objects.filter(target_id=OuterRef("pk"), sequence__gt=run.operation.sequence)
    eips = Eip.objects.filter(segment=run.target_id, carrier__isnull=False, state=State.READY)
    enis = Eni.objects.filter(segment=run.target_id, state=State.READY)
    return (
        list(eips.exclude(Exists(since.filter(verb=EIP_RESYNC.name))).order_by("pk")),
        list(enis.exclude(Exists(since.filter(verb=ENI_RESYNC.name))).order_by("pk")),
    )
