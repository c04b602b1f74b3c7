"""Keeping what is about to be used from being deleted meanwhile."""

from __future__ import annotations

from uuid import UUID

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from apps.lifecycle.errors import NotNow
from apps.lifecycle.models import Operation, Resource, State
from apps.lifecycle.told import told


def hold_for_use(*resources: Resource) -> None:
    """Lock the resources until the transaction ends and see that each is ready and stays: two statements.

    Deleting takes the same rows' locks before it looks for users, so of a use and a deletion at the same time one sees
    the other. Call before `quotas.services.take`: locks are taken in the order resources, quotas. Raises NotNow.
    """
    ids = [resource.pk for resource in resources]
    _ensure_ready(Resource.objects.select_for_update(of=("self",), no_key=True).filter(pk__in=ids), ids)


def ensure_usable(resource: Resource) -> None:
    """Raise what `hold_for_use` would raise, without holding anything."""
    _ensure_ready(Resource.objects.filter(pk=resource.pk), [resource.pk])


def _ensure_ready(chosen: QuerySet[Resource], ids: list[UUID]) -> None:
    rows = list(chosen.only("state", "name", "error").order_by("pk"))
    for row in rows:
        if row.state != State.READY:
            raise _not_ready(row)
    deletions = Operation.objects.open().filter(resource__in=ids, verb__endswith=".delete")
    going = list(deletions.values_list("target_name", flat=True)[:1])
    if going or len(rows) < len(set(ids)):
        name = going[0] if going else _("What was chosen")
        raise NotNow(_("%(name)s is being deleted.") % {"name": name}, hint=_("Choose another one."))


def _not_ready(row: Resource) -> NotNow:
    if row.state == State.PENDING:
        return NotNow(
            _("%(name)s has not been created yet.") % {"name": row.name},
            hint=_("Wait until it has, then try again."),
        )
    return NotNow(
        _("%(name)s is in error: %(cause)s") % {"name": row.name, "cause": told(row.error, "message")},
        hint=_("Choose another one, or delete it and create it again."),
    )
