"""What still needs a resource: it is not removed by force either."""

from __future__ import annotations

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from apps.lifecycle.models import Resource
from apps.network.services.using import refuse_while_used


def users_of(resource: Resource) -> QuerySet[Resource]:
    """Return the resources whose rows need this one's."""
    rows = Resource.objects.all()
    match resource.kind:
        case "vpc":
            return rows.filter(as_subnet__vpc=resource.pk)
        case "subnet":
            return rows.filter(nics__subnet=resource.pk).distinct()
        case "security_group":
            return rows.filter(nics__security_group=resource.pk).distinct()
        case "image":
            return rows.filter(as_disk__image=resource.pk)
    return rows.none()


def refuse_while_needed(resource: Resource) -> None:
    """Raise InUse naming what needs the resource. Call under its lock."""
    refuse_while_used(resource, users_of(resource), hint=_("Remove these first."))
