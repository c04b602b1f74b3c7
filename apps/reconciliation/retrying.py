"""Doing again what failed: the service a person would call, by the verb that failed."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext as _

from apps.lifecycle.actor import Actor
from apps.lifecycle.errors import NotNow
from apps.lifecycle.legality import open_operation, possibility
from apps.lifecycle.models import Operation, Resource, State
from apps.lifecycle.requests import request
from apps.lifecycle.verbs import verb_named
from apps.reconciliation.declared import kind_of, own_row
from apps.tenancy.access import begin


def verb_to_retry(resource: Resource) -> str:
    """Return the verb that does again what failed, "" when nothing has or nothing can."""
    kind = kind_of(resource.kind)
    failed = str(resource.error.get("verb", ""))
    if kind is None or (not failed and resource.state != State.ERROR):
        return ""
    if resource.state == State.ERROR and not failed.endswith((".delete", ".force_clean")):
        failed = f"{resource.kind}.retry"
    if failed in kind.redone and kind.resync is not None:
        return kind.resync.name
    return failed if failed in kind.retries or failed in kind.verbs else ""


def why_not_retry(resource: Resource) -> str:
    """Return why what failed cannot be done again now; "" when it can. `resource` is the row of its kind."""
    name = verb_to_retry(resource)
    if not name:
        return _("Nothing about it has failed that could be done again.")
    return possibility(verb_named(name), resource, open_operation(resource)).reason


def retry(actor: Actor, resource: Resource) -> Operation:
    """Ask again for what failed. Raises what the service of that verb raises."""
    name, kind = verb_to_retry(resource), kind_of(resource.kind)
    if not name or kind is None:
        raise NotNow(_("Nothing about it has failed that could be done again."))
    row = own_row(resource)
    if name in kind.retries:
        return kind.retries[name](actor, row)
    verb = kind.verbs[name]
    args = kind.redone.get(str(resource.error.get("verb", "")))
    args = _last_args(resource) if args is None else args
    return request(actor, verb, begin(actor, verb, row), args=args)


def _last_args(resource: Resource) -> dict[str, Any]:
    failed = Operation.objects.filter(pk=resource.error.get("operation")).first()
    return dict(failed.args) if failed else {}
