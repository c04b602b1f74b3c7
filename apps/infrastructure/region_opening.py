"""Opening regions to tenants, and closing them. Rows only: default networks are made by a task of their own."""

from __future__ import annotations

from django.db import transaction
from django.db.models.functions import Now
from django.utils.translation import gettext as _

from apps.accounts.access import allow
from apps.infrastructure.models import Region
from apps.infrastructure.readiness import missing
from apps.infrastructure.verbs import REGION_CLOSE, REGION_OPEN
from apps.lifecycle.actor import Actor
from apps.lifecycle.acts import serves
from apps.lifecycle.errors import Refused


@serves(REGION_OPEN)
@transaction.atomic
def open_region(actor: Actor, region: Region) -> Region:
    """Let tenants use a region that is ready. Raises Refused `region.not_ready` with what is missing."""
    allowed = allow(actor, REGION_OPEN, project=None, tenant_id=None)
    absent = missing(region)
    if absent:
        raise Refused(
            _("Region %(name)s is not ready: %(missing)s")
            % {"name": region.label, "missing": " ".join(check.text for check in absent)},
            code="region.not_ready",
            hint=_("Complete the checklist on the region's page, then open it."),
            details={"checks": [check.name for check in absent]},
        )
    Region.objects.filter(pk=region.pk).update(open_to_tenants=True, default_networks_due=True)
    allowed.record(name=region.name)
    return Region.objects.get(pk=region.pk)


@serves(REGION_CLOSE)
@transaction.atomic
def close_region(actor: Actor, region: Region) -> Region:
    """Let tenants create nothing more in a region; what they have there stays and can be changed and deleted."""
    allowed = allow(actor, REGION_CLOSE, project=None, tenant_id=None)
    Region.objects.filter(pk=region.pk).update(open_to_tenants=False, default_networks_due=False)
    allowed.record(name=region.name)
    return Region.objects.get(pk=region.pk)


def note_fabric(region: Region) -> None:
    """Keep that the region's network database has just answered."""
    Region.objects.filter(pk=region.pk).update(fabric_seen_at=Now())
