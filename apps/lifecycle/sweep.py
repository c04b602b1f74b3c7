"""Finding what fell through: rings that were lost, workers that died, operations past their deadline."""

from __future__ import annotations

from datetime import timedelta

from django.db import transaction
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext_noop as _

from apps.drivers.errors import DriverError
from apps.lifecycle import doorbell
from apps.lifecycle.engine import mark_failed
from apps.lifecycle.models import Operation, OperationLock, OperationStatus
from apps.lifecycle.requests import hold_target
from apps.lifecycle.running import overdue
from apps.lifecycle.told import keep_error

#: A claimable operation is rung for again after this long.
RING_AGAIN = timedelta(seconds=5)
#: Past its deadline by this much, an operation nobody runs is failed here. A running one fails itself.
GRACE = timedelta(seconds=30)
BATCH = 500


def sweep() -> int:
    """Ring for what is claimable and was not rung for lately; return how many."""
    _fail_overdue()
    now = timezone.now()
    # A fresh request was rung for on commit, a handed-back one is rung for here as soon as it is due.
    due = Operation.objects.claimable().filter(
        Q(rung_at__lt=now - RING_AGAIN) | Q(rung_at__lt=F("not_before"))
    )
    ids = list(due.order_by("not_before").values_list("pk", flat=True)[:BATCH])
    Operation.objects.filter(pk__in=ids).update(rung_at=now)
    for operation_id in ids:
        doorbell.ring(operation_id)
    return len(ids)


def _fail_overdue() -> None:
    late = Operation.objects.claimable().filter(deadline__lt=timezone.now() - GRACE)
    for operation in late[:BATCH]:
        nobody = DriverError(
            _("No worker could finish it in time."),
            code="operation.deadline",
            hint=_("Check that workers and the host are up, then try again."),
        )
        error = overdue(operation, operation.steps, nobody)
        with transaction.atomic():
            hold_target(operation)
            failed = Operation.objects.filter(
                pk=operation.pk, status=operation.status, attempt=operation.attempt
            ).update(
                status=OperationStatus.FAILED,
                finished_at=timezone.now(),
                lease_until=None,
                error=keep_error(error),
            )
            if failed:
                OperationLock.objects.filter(operation=operation).delete()
                mark_failed(operation, error)
