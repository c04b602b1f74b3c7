"""Accepting a change: the operation row, the audit row and the doorbell, in the caller's transaction."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar, cast

from django.db import transaction
from django.db.models import F, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from apps.audit.record import record
from apps.lifecycle import doorbell, push
from apps.lifecycle.actor import Actor
from apps.lifecycle.errors import Busy
from apps.lifecycle.legality import holding
from apps.lifecycle.models import Operation, OperationLock, OperationStatus, Resource, State
from apps.lifecycle.told import keep
from apps.lifecycle.verbs import Verb, verb_named

R = TypeVar("R", bound=Resource)


def lock(resource: R, among: QuerySet[Resource] | None = None) -> R:
    """Return the resource read again under a row lock held until the transaction ends.

    Raises Resource.DoesNotExist when it is gone, or not among the rows it was to be found in.
    """
    rows = Resource.objects.all() if among is None else among
    # Two statements: the second one sees what was committed while the first one waited.
    rows.select_for_update(of=("self",)).only("pk").get(pk=resource.pk)
    return cast(R, type(resource)._default_manager.get(pk=resource.pk))


def bump(resource: Resource) -> None:
    """Count a change of desired columns; call under `lock`, before `request`."""
    now = timezone.now()
    Resource.objects.filter(pk=resource.pk).update(generation=F("generation") + 1, updated_at=now)
    resource.generation += 1


def request(
    actor: Actor,
    verb: Verb,
    resource: Resource,
    *,
    args: dict[str, Any] | None = None,
    also: Sequence[Resource] = (),
) -> Operation:
    """Write the operation that will make the world match, and ring for a worker once the transaction commits.

    `also` are further resources to hold until it settles. Call inside a transaction, every resource involved locked.
    Raises Busy when one of them is held by an operation this verb may not supersede.
    """
    # What a create verb acts on has only just been inserted: nobody can hold it.
    held = holding([resource, *also]) if verb.exclusive and (verb.on_resource or also) else []
    if held and not verb.supersedes:
        raise _busy(held[0])
    blocker = _supersede(held)
    now = timezone.now()
    operation = Operation(
        verb=verb.name,
        resource_id=resource.pk,
        target_id=resource.pk,
        target_kind=resource.kind,
        target_name=resource.name,
        tenant_id=resource.tenant_id,
        actor=actor.user,
        args=args or {},
        exclusive=verb.exclusive,
        blocked_by=blocker,
        not_before=blocker.lease_until if blocker and blocker.lease_until else now,
        deadline=now + verb.deadline,
        request_id=actor.request_id,
    )
    operation.save(force_insert=True)
    OperationLock.objects.bulk_create([OperationLock(resource_id=r.pk, operation=operation) for r in also])
    record(actor, verb.name, resource, operation=operation, args=args)
    doorbell.ring_on_commit(operation)
    push.resource_changed(resource)
    return operation


def _supersede(held: Sequence[Operation]) -> Operation | None:
    """Cancel what holds the resource; return the operation whose worker must let go first, if one is running."""
    now = timezone.now()
    running = None
    for operation in held:
        cancelled = Operation.objects.filter(
            pk=operation.pk, status=operation.status, attempt=operation.attempt
        ).update(status=OperationStatus.CANCELLED, finished_at=now, error=_superseded())
        if not cancelled:
            raise _busy(operation)
        OperationLock.objects.filter(operation=operation).delete()
        if operation.status == OperationStatus.RUNNING:
            running = operation
    return running


def _superseded() -> dict[str, str]:
    return {
        "code": "operation.superseded",
        "message": gettext_noop("A later request took its place."),
        "hint": "",
    }


def _busy(operation: Operation) -> Busy:
    doing = verb_named(operation.verb).doing
    return Busy(
        _("%(doing)s is still under way.") % {"doing": doing},
        hint=_("Wait until it has finished, then try again."),
        details={"operation": str(operation.pk)},
    )


def why_not_cancel(operation: Operation) -> str:
    """Return why an operation cannot be cancelled; "" when it can: while no worker is at it."""
    if not operation.is_open:
        return _("It has finished.")
    if not verb_named(operation.verb).cancellable:
        return _("What was asked for is written down already and is being put in force.")
    if operation.status == OperationStatus.RUNNING:
        return _("A worker is carrying it out.")
    if operation.blocked_by_id is not None:
        # Without it, the next request would begin while the handler it has pushed aside is still at work.
        return _("It waits until what it has pushed aside has stopped.")
    return ""


def cancel(actor: Actor, operation: Operation) -> bool:
    """Cancel an operation that no worker is at: none has begun, or the last one gave it back to try again later.

    Return whether it was still in time. What was to be created stays, in error, to be tried again or deleted; what an
    attempt has changed stays as it is, and the resource says so.
    """
    if why_not_cancel(operation):
        return False
    error = _cancelled(operation)
    with transaction.atomic():
        done = Operation.objects.filter(
            pk=operation.pk, status=OperationStatus.QUEUED, attempt=operation.attempt
        ).update(status=OperationStatus.CANCELLED, finished_at=timezone.now(), error=error)
        if done:
            OperationLock.objects.filter(operation=operation).delete()
            rows = Resource.objects.filter(pk=operation.target_id)
            if operation.attempt and operation.exclusive:
                rows.update(error=error, updated_at=timezone.now())
            rows.filter(state=State.PENDING).update(state=State.ERROR, error=error)
            record(actor, "operation.cancel", operation.resource, operation=operation)
            push.operation_changed(operation)
    return bool(done)


def _cancelled(operation: Operation) -> dict[str, Any]:
    """Return what is kept of the cancellation, on the operation and on what it leaves in error."""
    known = {"code": "operation.cancelled", "operation": str(operation.pk), "verb": operation.verb}
    if not operation.attempt:
        return {**known, "hint": "", **keep(gettext_noop("Cancelled before it began."), name="message")}
    text, hint = (
        gettext_noop("Cancelled after %(n)s attempts."),
        gettext_noop("Try again to have it finished."),
    )
    return {**known, "hint": hint, **keep(text, {"n": operation.attempt}, name="message")}
