"""Finding what was dropped: lost messages, dead workers, operations past their deadline."""

from __future__ import annotations

from datetime import timedelta

from django.db import transaction
from django.db.models import F, Max, Q
from django.db.models.functions import Now
from django.utils.translation import gettext_noop as _

from apps.drivers.errors import DriverError
from apps.lifecycle import dispatch, push
from apps.lifecycle.cancellation import cancelled, settle_cancelled
from apps.lifecycle.engine import mark_failed
from apps.lifecycle.models import Operation, OperationLock, OperationStatus
from apps.lifecycle.models.operation import LEASE, Stopping
from apps.lifecycle.operation_context import overdue
from apps.lifecycle.requests import hold_target
from apps.lifecycle.stored_messages import StoredMessage, stored_error

#: A claimable operation is dispatched again after this long, if its message must have been lost.
RING_AGAIN = timedelta(seconds=5)
#: Messages are taken in turn, except for this much: a later one overtakes an earlier one by no more than that.
OUT_OF_TURN = timedelta(seconds=2)
#: Whatever one may think of it.
RING_ANYWAY = timedelta(seconds=30)
#: Past its deadline by this much, an operation nobody runs is failed here. A running one fails itself.
GRACE = timedelta(seconds=30)
BATCH = 500
#: More than any lease or back-off.
FAR = timedelta(minutes=1)


def sweep() -> int:
    """Dispatch what is claimable and was not dispatched lately; return how many."""
    _after_a_clock_step()
    _fail_overdue()
    # A new request is dispatched on commit; one handed back, or left by a dead worker, as soon as it is due.
    later = Q(rung_at__lt=F("not_before")) | Q(rung_at__lt=F("lease_until"))
    due = Operation.objects.claimable().filter(_lost() | later | Q(rung_at__gt=Now()))
    ids = list(due.order_by("not_before").values_list("pk", flat=True)[:BATCH])
    Operation.objects.filter(pk__in=ids).update(rung_at=Now())
    for operation_id in ids:
        dispatch.dispatch(operation_id)
    return len(ids)


def _lost() -> Q:
    """Return whose messages are lost: all, when none waits for a worker; else those whose turn is over.

    Dispatched twice while the first message waits, workers would mostly find nothing to do.
    """
    if not dispatch.waiting():
        return Q(rung_at__lt=Now() - RING_AGAIN)
    # Without those of dead workers, which may have been dispatched again and wait as well.
    running = Operation.objects.filter(status=OperationStatus.RUNNING, lease_until__gte=Now())
    started = running.aggregate(last=Max("rung_at"))["last"]
    passed = Q(rung_at__lt=started - OUT_OF_TURN) if started else Q(pk__in=[])
    return (passed & Q(rung_at__lt=Now() - RING_AGAIN)) | Q(rung_at__lt=Now() - RING_ANYWAY)


def _after_a_clock_step() -> None:
    """Bring near what lies further ahead than it was ever put: PostgreSQL's clock has been set back.

    A worker that lives renews its lease long before it runs out.
    """
    opened = Operation.objects.open()
    opened.filter(status=OperationStatus.QUEUED, not_before__gt=Now() + FAR).update(not_before=Now())
    opened.filter(status=OperationStatus.RUNNING, lease_until__gt=Now() + FAR).update(
        lease_until=Now() + LEASE
    )


def _fail_overdue() -> None:
    late = Operation.objects.claimable().filter(deadline__lt=Now() - GRACE)
    for operation in late[:BATCH]:
        nobody = DriverError(
            _("No worker finished the task in time."),
            code="operation.deadline",
            hint=_("Check that the workers and the host are up, then retry."),
        )
        error = overdue(operation, operation.steps, nobody)
        with transaction.atomic():
            hold_target(operation)
            if operation.stopping == Stopping.ASKED:
                _settle_asked(operation)
            elif _close(operation, OperationStatus.FAILED, stored_error(error)):
                OperationLock.objects.filter(operation=operation).delete()
                mark_failed(operation, error)


def _settle_asked(operation: Operation) -> None:
    """End what was asked to stop and was left by its worker."""
    error = cancelled(operation)
    if _close(operation, OperationStatus.CANCELLED, error):
        settle_cancelled(operation, error)
        push.operation_changed(operation)


def _close(operation: Operation, status: OperationStatus, error: StoredMessage) -> bool:
    as_read = Operation.objects.filter(
        pk=operation.pk, status=operation.status, attempt=operation.attempt, stopping=operation.stopping
    )
    return bool(as_read.update(status=status, finished_at=Now(), lease_until=None, error=error))
