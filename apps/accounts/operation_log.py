"""Reading the operation log: who may see which lines, and what came of them.

apps.audit only writes it; it stands below everything that is logged.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from django.db.models import Q, QuerySet

from apps.accounts.access import granted_resources, visible_projects
from apps.accounts.selectors import is_admin_as_such, runs_tenant
from apps.audit.models import DONE, AuditEntry
from apps.lifecycle.actor import Actor
from apps.lifecycle.models import OperationStatus
from apps.lifecycle.stored_messages import rendered_message

RUNNING, FAILED, CANCELLED, REFUSED = "running", "failed", "cancelled", "refused"

#: Result → operation's states, for what has an operation.
RESULTS = {
    DONE: (OperationStatus.DONE,),
    RUNNING: (OperationStatus.QUEUED, OperationStatus.RUNNING),
    FAILED: (OperationStatus.FAILED,),
    CANCELLED: (OperationStatus.CANCELLED,),
}


def visible_entries(actor: Actor) -> QuerySet[AuditEntry]:
    """Return all lines for an admin as such, the tenant's for who runs it.

    A member sees its own and those about the projects and single resources it has a role in.
    """
    entries = AuditEntry.objects.select_related("operation", "tenant")
    if is_admin_as_such(actor):
        return entries
    if actor.tenant is None:
        return entries.none()
    mine = entries.filter(tenant=actor.tenant)
    if runs_tenant(actor):
        return mine
    about = Q(project__in=visible_projects(actor)) | Q(target_id__in=granted_resources(actor))
    return mine.filter(Q(user=actor.user) | about)


def result_of(entry: AuditEntry) -> str:
    """Return done, running, failed, cancelled or refused."""
    if entry.operation is None:
        return DONE if entry.outcome == DONE else REFUSED
    return next(result for result, states in RESULTS.items() if entry.operation.status in states)


def reason_of(entry: AuditEntry) -> str:
    """Return why it failed or was refused; "" otherwise."""
    if entry.operation is not None:
        return rendered_message(entry.operation.error, "message")
    return "" if entry.outcome == DONE else entry.outcome


def duration_of(entry: AuditEntry) -> timedelta | None:
    """Return the time from request to result; nothing took time where there is no operation. None while it runs."""
    if entry.operation is None:
        return timedelta()
    finished = entry.operation.finished_at
    return finished - entry.operation.created_at if finished else None


def of_results(results: Sequence[str]) -> Q:
    """Return the condition for lines of any of these results."""
    statuses = [status for result in results for status in RESULTS.get(result, ())]
    condition = Q(operation__status__in=statuses)
    if DONE in results:
        condition |= Q(operation__isnull=True, outcome=DONE)
    if REFUSED in results:
        condition |= Q(operation__isnull=True) & ~Q(outcome=DONE)
    return condition
