"""Who may see which operations, and cancel them."""

from __future__ import annotations

from dataclasses import replace

from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from apps.accounts.access import granted_resources, may, visible, visible_projects
from apps.accounts.selectors import is_admin_as_such, runs_tenant
from apps.lifecycle.actor import Actor
from apps.lifecycle.bulk_insert import own_row
from apps.lifecycle.cancellation import cancel, why_not_cancel
from apps.lifecycle.errors import Forbidden, NotFound, NotNow
from apps.lifecycle.models import Batch, Operation, Resource
from apps.lifecycle.retry import retry, why_not_retry
from apps.lifecycle.verbs import Verb, verb_named


def visible_operations(actor: Actor) -> QuerySet[Operation]:
    """Return all operations for an admin as such, the tenant's for who runs it.

    A member sees its own, and those on resources it sees. What is gone has no project any more.
    """
    if is_admin_as_such(actor):
        return Operation.objects.all()
    if actor.tenant is None:
        return Operation.objects.none()
    mine = Operation.objects.filter(tenant=actor.tenant)
    if runs_tenant(actor):
        return mine
    in_view = (
        Q(resource__project__in=visible_projects(actor))
        | Q(resource__in=granted_resources(actor))
        | Q(resource__isnull=False, resource__project__isnull=True)
    )
    return mine.filter(Q(actor=actor.user) | in_view)


def visible_batches(actor: Actor) -> QuerySet[Batch]:
    """Return all bulk actions for an admin as such, the tenant's for who runs it, their own for anybody else."""
    if is_admin_as_such(actor):
        return Batch.objects.all()
    if actor.tenant is None:
        return Batch.objects.none()
    mine = Batch.objects.filter(tenant=actor.tenant)
    return mine if runs_tenant(actor) else mine.filter(actor=actor.user)


def cancel_operation(actor: Actor, operation: Operation) -> Operation:
    """Cancel it, or ask the worker that is at it to stop. Whoever may ask for it may cancel it.

    Raises Forbidden or NotNow.
    """
    # Whoever administers the platform may stop anything: that shows nothing of the inside of a tenant's machine.
    _ensure_may(actor, replace(verb_named(operation.verb), inside=False), operation)
    if not cancel(actor, operation):
        operation.refresh_from_db()
        reason = why_not_cancel(operation) or _("A worker has just started this task.")
        raise NotNow(reason, hint=_("Wait until the task has finished."))
    operation.refresh_from_db()
    return operation


def retry_operation(actor: Actor, operation: Operation) -> Operation:
    """Ask again for what an operation failed to do, with the same values; return the new operation.

    Raises Forbidden, NotFound, NotNow (it has not failed, or something later has settled it), and what the verb's
    service raises.
    """
    verb = verb_named(verb_named(operation.verb).retry)
    _ensure_may(actor, verb, operation)
    if reason := why_not_retry(operation):
        raise NotNow(reason)
    resource = visible(actor, Resource.objects.all()).filter(pk=operation.target_id).first()
    if resource is None:
        raise NotFound(_("The task’s target no longer exists."))
    return retry(actor, verb, own_row(resource), operation)


def _ensure_may(actor: Actor, verb: Verb, operation: Operation) -> None:
    resource = operation.resource
    project_id = resource.project_id if resource else None
    if not may(actor, verb, project_id, operation.tenant_id, operation.resource_id):
        raise Forbidden(_("Your role does not allow this."))
