"""What still needs a resource: it is not removed by force either."""

from __future__ import annotations

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from apps.lifecycle.in_use import ensure_unused
from apps.lifecycle.models import Resource
from apps.reconciliation.declared import kind_of


def users_of(resource: Resource) -> QuerySet[Resource]:
    """Return the resources whose rows need this one's."""
    kind = kind_of(resource.kind)
    return kind.users(resource.pk) if kind is not None else Resource.objects.none()


def ensure_not_needed(resource: Resource) -> None:
    """Raise InUse naming what needs the resource. Call under its lock."""
    ensure_unused(resource, users_of(resource), hint=_("Remove these resources first."))
