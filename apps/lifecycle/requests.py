"""Accepting a change: the operation row, the audit row and the doorbell, in the caller's transaction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar, cast

from django.db.models import F, QuerySet
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from apps.audit.record import record
from apps.lifecycle import dispatch, push
from apps.lifecycle.actor import Actor
from apps.lifecycle.errors import Busy
from apps.lifecycle.legality import holding
from apps.lifecycle.models import Operation, OperationLock, OperationStatus, Resource
from apps.lifecycle.verbs import Verb, abandon, verb_named

R = TypeVar("R", bound=Resource)


def lock(resource: R, among: QuerySet[Resource] | None = None) -> R:
    """Return the resource read again under a row lock held until the transaction ends.

    Raises Resource.DoesNotExist when it is gone, or not among the rows it was to be found in.
    """
    rows = Resource.objects.all() if among is None else among
    # Two statements: the second one sees what was committed while the first one waited.
    # Not its key: rows that only refer to it, such as events, may be inserted meanwhile.
    rows.select_for_update(of=("self",), no_key=True).only("pk").get(pk=resource.pk)
    return cast(R, type(resource)._default_manager.get(pk=resource.pk))


def hold_target(operation: Operation) -> None:
    """Lock the row of what an operation acts on, if it is still there; to be called before changing the operation's.

    Whoever asks for a change locks the resource first and may then push the operation aside.
    """
    rows = Resource.objects.select_for_update(no_key=True).filter(pk=operation.target_id)
    list(rows.order_by().values_list("pk"))


@dataclass(frozen=True)
class Allowed:
    """A verb the actor may do: what `access.allow` returns, for what acts on no resource yet, or on none at all."""

    actor: Actor
    verb: Verb

    def request(
        self, resource: Resource, *, args: dict[str, Any] | None = None, also: Sequence[Resource] = ()
    ) -> Operation:
        """Write the operation that creates what has just been inserted; see `Change.request`."""
        held = holding(also) if also else []  # nobody can hold the new row
        return _write(self.actor, self.verb, resource, held, args, also)

    def record(self, resource: Resource | None = None, **about: Any) -> None:
        """Write the line of the operation log for what needs no operation; `about` as `audit.record.record` has it."""
        record(self.actor, self.verb.name, resource, **about)


@dataclass(frozen=True)
class Change(Generic[R]):
    """A verb started on one resource: what `access.begin` returns, once it is permitted and possible.

    `row` was read under its lock, which is held until the transaction ends; so were the operations in `held`, which
    hold it.
    """

    actor: Actor
    verb: Verb
    row: R
    held: Sequence[Operation] = ()

    def bump(self) -> None:
        """Count a change of desired columns; call before `request`."""
        now = timezone.now()
        Resource.objects.filter(pk=self.row.pk).update(generation=F("generation") + 1, updated_at=now)
        self.row.generation += 1

    def request(self, *, args: dict[str, Any] | None = None, also: Sequence[Resource] = ()) -> Operation:
        """Write the operation that will make the world match, and dispatch it once the transaction commits.

        `also` are further resources, locked by the caller, to hold until it settles. Raises Busy when one of all these
        is held by an operation this verb may not supersede.
        """
        held = holding([self.row, *also]) if also else self.held
        return _write(self.actor, self.verb, self.row, held, args, also)

    def record(self, **about: Any) -> None:
        """Write the line of the operation log for what needs no operation."""
        record(self.actor, self.verb.name, self.row, **about)


def _write(
    actor: Actor,
    verb: Verb,
    resource: Resource,
    held: Sequence[Operation],
    args: dict[str, Any] | None,
    also: Sequence[Resource],
) -> Operation:
    if not verb.exclusive or takes_turns(verb, resource, held):
        held = ()
    if held and not verb.supersedes:
        raise _busy(held[0])
    blocker = _supersede(held)
    operation = Operation(
        verb=verb.name,
        resource_id=resource.pk,
        target_id=resource.pk,
        target_kind=resource.kind,
        target_name=resource.name,
        target_project=resource.project_id,
        tenant_id=resource.tenant_id,
        actor=actor.user,
        args=args or {},
        exclusive=verb.exclusive,
        blocked_by=blocker,
        deadline=Now() + verb.deadline,
        request_id=actor.request_id,
    )
    if blocker and blocker.lease_until:
        operation.not_before = blocker.lease_until
    operation.save(force_insert=True)
    operation.deadline = operation.created_at + verb.deadline  # what the statement has written
    OperationLock.objects.bulk_create(
        [OperationLock(resource_id=r.pk, operation=operation, shared=verb.takes_turns) for r in also]
    )
    record(actor, verb.name, resource, operation=operation, args=args)
    dispatch.dispatch_on_commit(operation)
    push.resource_changed(resource)
    return operation


def takes_turns(verb: Verb, resource: Resource, held: Sequence[Operation]) -> bool:
    """Whether an operation of the verb on the resource is carried out after those that hold what it needs beside it."""
    return verb.takes_turns and all(
        verb_named(operation.verb).takes_turns and operation.target_id != resource.pk for operation in held
    )


def _supersede(held: Sequence[Operation]) -> Operation | None:
    """Cancel what holds the resource; return the operation whose worker must let go first, if one is running."""
    running = None
    for operation in held:
        while operation.is_open and not _push_aside(operation):
            # A worker has claimed it, or given it back, since it was read. It cannot finish: its resource is locked.
            operation.refresh_from_db(fields=["status", "attempt", "lease_until"])
        OperationLock.objects.filter(operation=operation).delete()
        abandon(operation)
        if operation.status == OperationStatus.RUNNING:
            running = operation
        elif operation.blocked_by_id is not None:  # what it waited for has not let go yet
            running = operation.blocked_by
    return running


def _push_aside(operation: Operation) -> bool:
    """Cancel the operation; return whether it was still as it is here."""
    as_read = Operation.objects.filter(pk=operation.pk, status=operation.status, attempt=operation.attempt)
    return bool(as_read.update(status=OperationStatus.CANCELLED, finished_at=Now(), error=_superseded()))


def _superseded() -> dict[str, str]:
    return {
        "code": "operation.superseded",
        "message": gettext_noop("Replaced by a later request."),
        "hint": "",
    }


def _busy(operation: Operation) -> Busy:
    doing = verb_named(operation.verb).doing
    return Busy(
        _("%(doing)s is still running.") % {"doing": doing},
        hint=_("Wait until it has finished, then retry."),
        details={"operation": str(operation.pk)},
    )
