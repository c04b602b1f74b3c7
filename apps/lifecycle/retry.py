"""Retrying a failed operation. It is no verb of operations: the resource's own verb does it, judged as always."""

from __future__ import annotations

from django.utils.translation import gettext as _

from apps.lifecycle.actor import Actor
from apps.lifecycle.acts import service_of
from apps.lifecycle.models import Operation, OperationStatus, Resource
from apps.lifecycle.verbs import Verb, verb_named


def why_not_retry(operation: Operation) -> str:
    """Return why an operation cannot be tried again; "" when only its resource's state is still to be judged."""
    if operation.is_open:
        return _("The task is still running.")
    if operation.status == OperationStatus.DONE:
        return _("No failed task to retry.")
    verb = verb_named(operation.verb)
    if not (verb.exclusive and verb.repeatable):
        return _("Submit the request again on the resource’s page.")
    return _why_settled(operation)


def retry(actor: Actor, verb: Verb, row: Resource, failed: Operation | None) -> Operation:
    """Ask on `row` for the verb that does again what failed; return its operation. Raises what its service does.

    What is retried by itself is given the values it was requested with.
    """
    values = failed.args if failed is not None and failed.verb == verb.name else {}
    operation = service_of(verb)(actor, row, **values)
    assert isinstance(operation, Operation), "what has an operation is answered with one"
    return operation


def _why_settled(operation: Operation) -> str:
    if operation.resource_id is None:
        return _("The task’s target no longer exists.")
    later = Operation.objects.filter(
        resource=operation.resource_id, exclusive=True, created_at__gt=operation.created_at
    )
    return _("The resource has changed since.") if later.exists() else ""
