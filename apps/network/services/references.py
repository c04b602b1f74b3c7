"""Where something new goes."""

from __future__ import annotations

from django.utils.translation import gettext as _

from apps.infrastructure.models import Region
from apps.lifecycle.errors import Invalid


def chosen_region(name: str | None) -> Region:
    """Return the region of that name, or the only one there is. Raises Invalid (field "region")."""
    regions = list(Region.objects.filter(name=name) if name else Region.objects.all()[:2])
    if len(regions) != 1:
        raise Invalid({"region": [_("There is no such region.") if name else _("Choose a region.")]})
    return regions[0]
