"""Addresses of external segments that were released: in quarantine they go back to their tenant only.

A tenant that has `MOST_IN_QUARANTINE` of a segment there is given these before free ones: no tenant can use up a
segment by releasing what it gets, again and again.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from django.db.models.functions import Now
from django.utils.translation import gettext as _

from apps.lifecycle.errors import Refused
from apps.lifecycle.models import Resource
from apps.network.models import ExternalSegment, SegmentAddress
from apps.network.platform_settings import ADDRESS_QUARANTINE_MINUTES
from apps.network.segment_plan import Address
from apps.network.segment_ranges import holds

#: From so many addresses in quarantine on, a tenant is given these in place of free ones.
MOST_IN_QUARANTINE = 20


def quarantine_address(holder: Resource) -> None:
    """Keep the address of `holder` for the time that administrators have set. Call once the network has lost it."""
    rows = SegmentAddress.objects.filter(holder_id=holder.pk)
    minutes = ADDRESS_QUARANTINE_MINUTES.value()
    if not minutes:
        rows.delete()
        return
    until: Any = Now() + timedelta(minutes=minutes)
    rows.update(use=SegmentAddress.Use.QUARANTINE, holder=None, until=until, tenant=holder.tenant_id)


def end_quarantines() -> int:
    """Free the addresses whose quarantine is over; return how many."""
    due = SegmentAddress.objects.filter(use=SegmentAddress.Use.QUARANTINE, until__lte=Now())
    with transaction.atomic():
        # One that its tenant gets back at this moment is left out: waiting for it could be waiting for each other.
        free = list(due.select_for_update(skip_locked=True, of=("self",)).values_list("pk", flat=True))
        return SegmentAddress.objects.filter(pk__in=free).delete()[0]


def oldest_of_too_many(
    segment: ExternalSegment, holder: Resource, spans: Iterable[tuple[Address, Address]]
) -> Address | None:
    """Return which of the tenant's quarantined addresses it gets instead of a free one; None: there are too few."""
    quarantined = list(_quarantined(segment, holder).values_list("ip", flat=True)[: 2 * MOST_IN_QUARANTINE])
    if len(quarantined) < MOST_IN_QUARANTINE:
        return None
    return next((ip for ip in quarantined if holds(spans, ip)), None)


def give_back(held: SegmentAddress, holder: Resource) -> SegmentAddress | None:
    """Give an address to the tenant that released it; None: it is not in quarantine, or another tenant released it."""
    quarantined = _quarantined(held.segment, holder).filter(ip=str(held.ip))
    # Locked: its quarantine may end at the same moment, and the row with it.
    row = quarantined.select_for_update(of=("self",)).first()
    if row is None:
        return None
    row.holder_id, row.use, row.until, row.tenant_id = holder.pk, held.use, None, None
    row.save(update_fields=["holder", "use", "until", "tenant"])
    return row


def ensure_few_in_quarantine(segment: ExternalSegment, holder: Resource, field: str) -> None:
    """Raise Refused at `field` for a tenant of whose addresses too many are in quarantine."""
    count = _quarantined(segment, holder).count()
    if count < MOST_IN_QUARANTINE:
        return
    raise Refused(
        _("%(count)s addresses that you released in segment %(name)s are in quarantine.")
        % {"count": count, "name": segment.name},
        code="address.taken",
        field=field,
        hint=_("Choose one of these, leave the field empty, or retry later."),
    )


def _quarantined(segment: ExternalSegment, holder: Resource) -> QuerySet[SegmentAddress]:
    """Return the addresses of the segment that the holder's tenant released, the first one released first."""
    rows = SegmentAddress.objects.filter(segment=segment, use=SegmentAddress.Use.QUARANTINE)
    return rows.filter(tenant=holder.tenant_id, tenant__isnull=False).order_by("until", "pk")
