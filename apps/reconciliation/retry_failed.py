"""Retrying what failed on a resource in trouble: by the verb that the table names."""

from __future__ import annotations

from django.utils.translation import gettext as _

from apps.lifecycle import retry as retrying
from apps.lifecycle.actor import Actor
from apps.lifecycle.acts import has_service
from apps.lifecycle.bulk_insert import own_row
from apps.lifecycle.errors import NotNow
from apps.lifecycle.legality import open_operation, possibility
from apps.lifecycle.models import Operation, Resource, State
from apps.lifecycle.verbs import Verb, removes, verb_named


def verb_to_retry(resource: Resource) -> Verb | None:
    """Return the verb that does again what failed, None when nothing has or nothing can."""
    failed = str(resource.error.get("verb", ""))
    if resource.state == State.ERROR and not removes(failed):
        again = f"{resource.kind}.retry"
    else:
        again = verb_named(failed).retry if has_service(failed) else ""
    return verb_named(again) if has_service(again) else None


def why_not_retry(resource: Resource) -> str:
    """Return why what failed cannot be done again now; "" when it can. `resource` is the row of its kind."""
    verb = verb_to_retry(resource)
    if verb is None:
        return _("No failed operation to repeat.")
    return possibility(verb, resource, open_operation(resource)).reason


def retry(actor: Actor, resource: Resource) -> Operation:
    """Ask again for what failed. Raises what the service of that verb raises."""
    verb = verb_to_retry(resource)
    if verb is None:
        raise NotNow(_("No failed operation to repeat."))
    failed = Operation.objects.filter(pk=resource.error.get("operation")).first()
    return retrying.retry(actor, verb, own_row(resource), failed)
