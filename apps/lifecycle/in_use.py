"""Refusing to delete what is in use, and saying by what."""

from __future__ import annotations

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from apps.lifecycle.errors import InUse
from apps.lifecycle.models import Resource

#: So many users are named; the rest are counted.
NAMED = 20


def ensure_unused(resource: Resource, users: QuerySet[Resource], *, hint: str) -> None:
    """Raise InUse naming `users`, if there are any. Call under the resource's lock."""
    named = list(users.order_by("kind", "name", "pk")[: NAMED + 1])
    if not named:
        return
    count = len(named) if len(named) <= NAMED else users.count()
    names = ", ".join(user.name for user in named[:NAMED])
    raise InUse(
        _("%(name)s is used by %(count)s: %(names)s.")
        % {"name": resource.name, "count": count, "names": names},
        hint=hint,
        details={
            "count": count,
            "resources": [{"kind": u.kind, "id": str(u.pk), "name": u.name} for u in named[:NAMED]],
        },
    )
