"""Claiming, running and finishing operations. The state machine stands in `models/operation.py`."""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db import DatabaseError, transaction
from django.db.models import F
from django.db.models.functions import Coalesce, Now
from django.utils import timezone
from django.utils.translation import gettext_noop as _

from apps.drivers.errors import DriverError
from apps.lifecycle import dispatch, push
from apps.lifecycle.cancellation import cancelled, settle_cancelled
from apps.lifecycle.handlers import Settle, handler_of
from apps.lifecycle.lease_renewal import renewer
from apps.lifecycle.models import Operation, OperationLock, OperationStatus, Resource, State
from apps.lifecycle.models.operation import AFTER_ATTEMPT, LEASE
from apps.lifecycle.operation_context import (
    LATER,
    CancelRequested,
    LeaseLost,
    OperationContext,
    RetryLater,
    dated,
)
from apps.lifecycle.requests import hold_target
from apps.lifecycle.stored_messages import StoredMessage, stored_error, stored_message
from apps.lifecycle.verbs import abandon, verb_named

log = logging.getLogger(__name__)

#: Attempts after which an operation that keeps killing its worker, or keeps hitting a bug, is given up.
MAX_ATTEMPTS = 20
MAX_BUGS = 3
MAX_BACKOFF_SECONDS = 15
#: So many deadlines of its verb an operation waits for its turn.
TURNS = 5


def execute(operation_id: UUID) -> None:
    """Claim the operation and carry it out. Does nothing when somebody else has it or it is settled."""
    operation = claim(operation_id)
    if operation is None:
        return
    run = OperationContext(operation)
    try:
        with renewer.renewing_lease(run):
            _attempt(run)
    except LeaseLost:
        log.info("operation %s lost its lease", operation.pk)
        _release_blocked(operation)


def _attempt(run: OperationContext) -> None:
    try:
        _carry_out(run)
    except CancelRequested:
        _stop(run)


def _carry_out(run: OperationContext) -> None:
    operation = run.operation
    try:
        run.check()
        _await_turn(run)
        settle = handler_of(operation.verb)(run)
        _finish(run, settle)
    except (LeaseLost, CancelRequested):
        raise
    except RetryLater:
        _look_again(run)
    except DriverError as error:
        _failed(run, error)
    except DatabaseError:
        log.exception("operation %s: database error", operation.pk)
        _hand_back(run)
    except Exception as error:
        log.exception("operation %s: bug in its handler", operation.pk)
        _failed(run, _bug(run, error))


def _await_turn(run: OperationContext) -> None:
    """Wait until those that were requested before have let go of what this one holds beside its own resource."""
    operation = run.operation
    verb = verb_named(operation.verb)
    if not verb.takes_turns or is_its_turn(operation):
        return
    patience = TURNS * verb.deadline
    run.extend(operation.created_at + patience + verb.deadline)
    run.step(_("Waiting for an earlier task"))
    run.wait_until(
        lambda: is_its_turn(operation),
        within=patience,
        error=DriverError(
            _("An earlier task did not finish in time."),
            code="operation.no_turn",
            permanent=True,
            hint=_("Wait until it has finished, then retry."),
        ),
    )


def is_its_turn(operation: Operation) -> bool:
    """Whether no open operation that was requested earlier holds what this one holds beside its own resource."""
    beside = OperationLock.objects.filter(operation=operation).values("resource")
    earlier = Operation.objects.open().filter(locks__resource__in=beside, sequence__lt=operation.sequence)
    return not earlier.exists()


def _hand_back(run: OperationContext) -> None:
    """Have it tried again soon after a deadlock or a moment without the database.

    While the database stays away nothing can be written: then the lease runs out, and the sweeper hands it on.
    """
    error = DriverError(
        _("The database did not respond."),
        code="database.unreachable",
        hint=_("The platform retries automatically."),
    )
    try:
        _failed(run, error)
    except DatabaseError:
        log.warning("operation %s keeps its lease until it runs out", run.operation.pk)


def claim(operation_id: UUID) -> Operation | None:
    """Take the operation if it is due or abandoned; None when it is not to be had."""
    taken = (
        Operation.objects.claimable()
        .filter(pk=operation_id)
        .update(
            status=OperationStatus.RUNNING,
            attempt=F("attempt") + 1,
            lease_until=Now() + LEASE,
            stopping=AFTER_ATTEMPT,
            started_at=Coalesce("started_at", Now()),
        )
    )
    return Operation.objects.get(pk=operation_id) if taken else None


def _finish(run: OperationContext, settle: Settle | None) -> None:
    """Settle the rows and mark the operation done, in one transaction, if it is still ours."""
    with transaction.atomic():
        if run.operation.exclusive:
            # Before the operation's row, as locks are taken in that order; undone with it should that raise LeaseLost.
            Resource.objects.filter(pk=run.target_id).update(
                state=State.READY, error={}, observed_generation=F("generation"), updated_at=timezone.now()
            )
        else:  # changes nothing and knows nothing of what may run beside it
            hold_target(run.operation)
        _close(run, OperationStatus.DONE, progress=100)
        if settle is not None:
            settle()
        push.operation_changed(run.operation)


def _failed(run: OperationContext, error: DriverError) -> None:
    """Hand the operation back for another attempt, or fail it for good."""
    operation = run.operation
    # Those that were handed back end at the deadline: a host may be away for many more of them.
    spoilt = operation.attempt - operation.failures
    wait = min(2 ** _failed_before(run), MAX_BACKOFF_SECONDS)
    steps = list(run.steps)
    run.steps.append(
        dated(
            {
                **stored_message(error.template, error.values),
                "code": error.code,
                "failed": True,
                "attempt": operation.attempt,
            }
        )
    )
    if run.stopping.is_set():
        raise CancelRequested
    if error.permanent or run.late or spoilt >= MAX_ATTEMPTS:
        _fail(run, error, steps)
        return
    run.write(
        status=OperationStatus.QUEUED,
        failures=F("failures") + 1,
        not_before=Now() + timedelta(seconds=wait),
        lease_until=None,
        stopping=AFTER_ATTEMPT,
        steps=run.steps,
        error=_error(operation, error),
    )
    push.operation_changed(operation)


def _look_again(run: OperationContext) -> None:
    """Hand back what waits for something that takes long: nothing has failed; the sweeper dispatches it when due."""
    run.write(
        status=OperationStatus.QUEUED,
        failures=F("failures") + 1,
        not_before=Now() + LATER,
        lease_until=None,
        stopping=AFTER_ATTEMPT,
        steps=run.steps,
        progress=run.progress,
    )


def _stop(run: OperationContext) -> None:
    """Settle what was cancelled while it ran, now that its handler has stopped or has come to its end."""
    error = cancelled(run.operation)
    with transaction.atomic():
        hold_target(run.operation)
        _close(run, OperationStatus.CANCELLED, error=error)
        settle_cancelled(run.operation, error)
        push.operation_changed(run.operation)


def _fail(run: OperationContext, error: DriverError, steps: list[StoredMessage]) -> None:
    """Fail it for good: its error says what the last of `run.steps` says, so `steps` are kept without that."""
    operation = run.operation
    with transaction.atomic():
        hold_target(operation)
        _close(run, OperationStatus.FAILED, error=_error(operation, error), steps=steps)
        mark_failed(operation, error)


def mark_failed(operation: Operation, error: DriverError) -> None:
    """Leave the cause on the resource; one that was never created is in error, any other stays as it was."""
    if operation.exclusive:
        rows = Resource.objects.filter(pk=operation.target_id)
        rows.update(error=_error(operation, error), updated_at=timezone.now())
        rows.filter(state=State.PENDING).update(state=State.ERROR)
    abandon(operation)
    push.operation_changed(operation)


def _close(run: OperationContext, status: OperationStatus, **columns: Any) -> None:
    """Compare-and-set to a final status; LeaseLost when the operation is not ours any more.

    CancelRequested when it was asked to stop: then it can only end cancelled.
    """
    operation = run.operation
    write = run.write_cancelled if status == OperationStatus.CANCELLED else run.write
    known = {"lease_until": None, "steps": run.steps, "result": operation.result}
    write(status=status, finished_at=Now(), **{**known, **columns})
    OperationLock.objects.filter(operation=operation).delete()


def _release_blocked(operation: Operation) -> None:
    """Let what superseded this operation begin, now that its handler has stopped."""
    waiting = list(Operation.objects.open().filter(blocked_by=operation).values_list("pk", flat=True))
    if waiting:
        Operation.objects.filter(pk__in=waiting).update(blocked_by=None, not_before=Now())
        for operation_id in waiting:
            dispatch.dispatch(operation_id)


def _error(operation: Operation, error: DriverError) -> StoredMessage:
    return {**stored_error(error), "operation": str(operation.pk), "verb": operation.verb}


def _bug(run: OperationContext, error: Exception) -> DriverError:
    return DriverError(
        _("Internal error: %(type)s."),
        values={"type": type(error).__name__},
        code="platform.bug",
        permanent=_failed_before(run) >= MAX_BUGS,
        hint=_("Retry. If this happens again, give the operation ID to the administrator."),
    )


def _failed_before(run: OperationContext) -> int:
    """Return how many attempts have failed. Those that only waited were handed back too, and are none of them."""
    return sum(bool(step.get("failed")) for step in run.steps)
