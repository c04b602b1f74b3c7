"""Opening regions to tenants, and closing them. Rows only: default networks are made by a task of their own."""

from __future__ import annotations

from django.db.models.functions import Now
from django.utils.translation import gettext as _

from apps.accounts.acts import allows
from apps.infrastructure.models import Region
from apps.infrastructure.readiness import missing
from apps.infrastructure.verbs import REGION_CLOSE, REGION_OPEN
from apps.lifecycle.errors import Refused
from apps.lifecycle.requests import Allowed


@allows(REGION_OPEN)
def open_region(allowed: Allowed, region: Region) -> Region:
    """Let tenants use a region that is ready. Raises Refused `region.not_ready` with what is missing."""
    region = Region.objects.select_for_update(no_key=True).get(pk=region.pk)
    if region.open_to_tenants:
        return region
    absent = missing(region)
    if absent:
        raise Refused(
            _("Region %(name)s is not ready: %(missing)s")
            % {"name": region.label, "missing": " ".join(check.text for check in absent)},
            code="region.not_ready",
            hint=_("Complete the checklist on the region's page, then open it."),
            details={"checks": [check.name for check in absent]},
        )
    region.open_to_tenants = region.default_networks_due = True
    region.save(update_fields=["open_to_tenants", "default_networks_due"])
    allowed.record(name=region.name)
    return region


@allows(REGION_CLOSE)
def close_region(allowed: Allowed, region: Region) -> Region:
    """Let tenants create nothing more in a region; what they have there stays and can be changed and deleted."""
    region = Region.objects.select_for_update(no_key=True).get(pk=region.pk)
    if region.open_to_tenants:
        region.open_to_tenants = region.default_networks_due = False
        region.save(update_fields=["open_to_tenants", "default_networks_due"])
        allowed.record(name=region.name)
    return region


def note_fabric(region: Region) -> None:
    """Keep that the region's network database has just answered."""
    Region.objects.filter(pk=region.pk).update(fabric_seen_at=Now())
