"""Cancelling operations: before a worker has started, between two attempts, or by asking the handler to stop.

How far a verb lets itself be cancelled is said in the verb table (`verbs.Cancel`).
"""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from apps.audit.record import record
from apps.lifecycle import push
from apps.lifecycle.actor import Actor
from apps.lifecycle.models import Operation, OperationLock, OperationStatus, Resource, State
from apps.lifecycle.models.operation import Stopping
from apps.lifecycle.requests import hold_target
from apps.lifecycle.stored_messages import stored_message
from apps.lifecycle.verbs import Cancel, abandon, verb_named


def why_not_cancel(operation: Operation) -> str:
    """Return why an operation cannot be cancelled, or asked to stop; "" when it can."""
    verb = verb_named(operation.verb)
    if not operation.is_open:
        return _("The task has finished.")
    if verb.cancel is Cancel.NEVER:
        return _("The change is saved and is being applied.")
    if operation.blocked_by_id is not None:
        # Without it, the next request would begin while the handler it has pushed aside is still at work.
        return _("The task waits until the one it replaced has stopped.")
    if verb.cancel is Cancel.BEFORE and operation.attempt:
        return _("A worker has started the deletion. Some parts may already be deleted.")
    return _why_not_stop(operation)


def _why_not_stop(operation: Operation) -> str:
    if operation.stopping == Stopping.ASKED:
        return _("Cancellation was requested. The task stops at its next step.")
    if operation.stopping in (Stopping.NOT_NOW, Stopping.TOO_LATE):
        return _("Too late to cancel: the current step cannot be undone.")
    return ""


def cancel(actor: Actor, operation: Operation) -> bool:
    """Cancel an operation at once where no worker is at it, otherwise ask its handler to stop at its next step.

    Return whether it was still in time: then it ends cancelled, whatever its handler comes to. What was to be created
    stays, in error, to be tried again or deleted; what an attempt has changed stays as it is, and the resource says so.
    One that is asked to stop stays open, holding its resource, until it has.
    """
    with transaction.atomic():
        hold_target(operation)
        # Until the row stays as it was read: a worker may take it, or give it back, at any moment.
        while not _why_not_now(operation):
            if _cancel_waiting(operation) or _ask_to_stop(operation):
                record(actor, "operation.cancel", operation.resource, operation=operation)
                push.operation_changed(operation)
                return True
    return False


def _why_not_now(operation: Operation) -> str:
    operation.refresh_from_db(fields=["status", "attempt", "stopping", "blocked_by"])
    return why_not_cancel(operation)


def _cancel_waiting(operation: Operation) -> bool:
    error = cancelled(operation)
    waiting = Operation.objects.filter(
        pk=operation.pk, status=OperationStatus.QUEUED, attempt=operation.attempt, stopping=Stopping.NO
    )
    done = waiting.update(status=OperationStatus.CANCELLED, finished_at=Now(), error=error)
    if done:
        settle_cancelled(operation, error)
    return bool(done)


def _ask_to_stop(operation: Operation) -> bool:
    """Whichever attempt runs: one may have started since the row was read."""
    if verb_named(operation.verb).cancel is not Cancel.ANY_TIME:
        return False
    running = Operation.objects.filter(
        pk=operation.pk, status=OperationStatus.RUNNING, stopping=Stopping.NO, blocked_by=None
    )
    return bool(running.update(stopping=Stopping.ASKED))


def settle_cancelled(operation: Operation, error: dict[str, Any]) -> None:
    """Bring the rows up to a cancellation; call in its transaction, the target held."""
    OperationLock.objects.filter(operation=operation).delete()
    abandon(operation)
    if not operation.exclusive:
        return
    rows = Resource.objects.filter(pk=operation.target_id)
    if operation.attempt:
        rows.update(error=error, updated_at=timezone.now())
    rows.filter(state=State.PENDING).update(state=State.ERROR, error=error)
    take_back = verb_named(operation.verb).taken_back
    if take_back is not None:
        take_back(operation.target_id)


def cancelled(operation: Operation) -> dict[str, Any]:
    """Return what is kept of the cancellation, on the operation and on what it leaves in error."""
    known = {"code": "operation.cancelled", "operation": str(operation.pk), "verb": operation.verb}
    if not operation.attempt:
        return {
            **known,
            "hint": "",
            **stored_message(gettext_noop("Cancelled before it started."), name="message"),
        }
    text, hint = (
        gettext_noop("Cancelled after %(n)s attempts."),
        gettext_noop("Retry to finish it."),
    )
    if operation.attempt == 1:
        return {
            **known,
            "hint": hint,
            **stored_message(gettext_noop("Cancelled while running."), name="message"),
        }
    return {**known, "hint": hint, **stored_message(text, {"n": operation.attempt}, name="message")}
