"""Whether a resource may be used, and whether it is being removed: one answer for all kinds.

Being removed is to have an open operation whose verb says `removes` (delete, force clean).
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import Exists, OuterRef, QuerySet
from django.utils.translation import gettext as _

from apps.lifecycle.errors import NotNow
from apps.lifecycle.models import Operation, Resource, State
from apps.lifecycle.stored_messages import rendered_message
from apps.lifecycle.verbs import removing

_LOCK = "SELECT FROM lifecycle_resource WHERE id = ANY(%s) ORDER BY id FOR {strength}"


def hold_for_use(*resources: Resource, shared: bool = False) -> None:
    """Lock the resources until the transaction ends and check that each is ready and stays: two statements.

    Removing takes the same rows' locks before it looks for users, so of a use and a removal at the same time one sees
    the other. `shared`: others who use them need not wait. Call before `quotas.services.reserve_quota`: locks
    are taken in the order resources, quotas. Raises NotNow.
    """
    # Two statements: the second one sees what was committed while the first one waited.
    strength = "SHARE" if shared else "NO KEY UPDATE"
    with connection.cursor() as cursor:
        cursor.execute(_LOCK.format(strength=strength), [[resource.pk for resource in resources]])
    ensure_usable(*resources)


def ensure_usable(*resources: Resource) -> None:
    """Raise what `hold_for_use` would raise, without locking anything."""
    rows = _with_removal([resource.pk for resource in resources])
    for resource in resources:
        row = rows.get(resource.pk)
        if row is None or row.is_removed:
            raise NotNow(
                _("%(name)s is being deleted.") % {"name": resource.name}, hint=_("Choose another one.")
            )
        if row.state != State.READY:
            raise _not_ready(row)


def is_being_removed(resource: Resource) -> bool:
    """Whether its removal has been requested and has not ended. Call under its lock to rely on the answer."""
    return _removals().filter(resource=resource.pk).exists()


def _with_removal(ids: list[UUID]) -> dict[UUID, Any]:
    removal = Exists(_removals().filter(resource=OuterRef("pk")))
    rows = Resource.objects.filter(pk__in=ids).annotate(is_removed=removal)
    return {row.pk: row for row in rows.only("state", "name", "error")}


def _removals() -> QuerySet[Operation]:
    return Operation.objects.open().filter(verb__in=removing())


def _not_ready(row: Resource) -> NotNow:
    if row.state == State.PENDING:
        return NotNow(
            _("%(name)s is not created yet.") % {"name": row.name},
            hint=_("Wait until it is created, then retry."),
        )
    return NotNow(
        _("%(name)s has failed: %(cause)s")
        % {"name": row.name, "cause": rendered_message(row.error, "message")},
        hint=_("Choose another one, or delete it and create it again."),
    )
