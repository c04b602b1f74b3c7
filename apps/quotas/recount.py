"""Comparing what is counted as used with what exists.

Every metric is declared with a function that counts what exists. Beat has every tenant counted once an hour, a sixtieth
of them each minute; administrators can have it done at once.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from django.db import transaction
from django.db.models import F
from django.db.models.functions import Mod
from django.utils import timezone

from apps.accounts.access import allow
from apps.accounts.models import Tenant
from apps.accounts.verbs import TENANT_RECOUNT
from apps.audit.record import record
from apps.lifecycle.actor import SYSTEM, Actor
from apps.lifecycle.slots import Slot
from apps.quotas.metrics import existing
from apps.quotas.models import Quota

log = logging.getLogger(__name__)

#: Each minute takes the tenants whose primary key leaves that remainder.
TURNS = 60

#: Called with what a recount by beat has put right, in its transaction.
drift_listeners: Slot[Callable[[Tenant, Sequence[Difference]], None]] = Slot()


@dataclass(frozen=True)
class Difference:
    """`used` is what was counted, `exists` what is there."""

    metric: str
    used: int
    exists: int


@transaction.atomic
def recount(tenant: Tenant, *, repair: bool = False) -> list[Difference]:
    """Return the metrics that are counted wrongly; with `repair`, set them right.

    Takers wait meanwhile: they lock the same rows before they insert, so nothing is half-way in between. A row whose
    metric no app declares any more is left alone.
    """
    rows = Quota.objects.select_for_update().filter(tenant=tenant)
    used = {row.metric: row.used for row in rows.order_by("metric")}
    differences = [
        Difference(metric, used.get(metric, 0), units)
        for metric, units in sorted(existing(tenant.pk).items())
        if used.get(metric, 0) != units
    ]
    if repair:
        for difference in differences:
            Quota.objects.filter(tenant=tenant, metric=difference.metric).update(used=difference.exists)
    return differences


@transaction.atomic
def recount_now(actor: Actor, tenant: Tenant) -> list[Difference]:
    """Count a tenant's use again and repair what was wrong, with a line in the log. Raises Forbidden."""
    allow(actor, TENANT_RECOUNT, project=None, tenant_id=None)
    differences = recount(tenant, repair=True)
    _record(actor, tenant, differences)
    return differences


def recount_some() -> int:
    """Recount the tenants whose minute it is; repair, log and record what was wrong. Returns how many tenants were."""
    turn = Tenant.objects.annotate(turn=Mod(F("pk"), TURNS)).filter(turn=timezone.now().minute)
    wrong = 0
    for tenant in turn.iterator():
        with transaction.atomic():
            differences = recount(tenant, repair=True)
            if differences:
                _record(SYSTEM, tenant, differences)
                for listen in drift_listeners:
                    listen(tenant, differences)
        for difference in differences:
            log.warning(
                "quota %s of tenant %s: %s counted as used, %s exist; repaired",
                difference.metric,
                tenant.uid,
                difference.used,
                difference.exists,
            )
        wrong += bool(differences)
    return wrong


def _record(actor: Actor, tenant: Tenant, differences: list[Difference]) -> None:
    args = {d.metric: {"used": d.used, "exists": d.exists} for d in differences}
    record(actor, TENANT_RECOUNT.name, tenant=tenant, name=tenant.name, target_id=tenant.uid, args=args)
