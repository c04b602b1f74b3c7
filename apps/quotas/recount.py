"""Comparing what is counted as used with what exists.

Every kind registers a function that counts what exists, in its app's `AppConfig.ready()`; a reconciler calls
`recount`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from django.db import transaction

from apps.quotas.metrics import METRICS
from apps.quotas.models import Quota
from apps.tenancy.models import Tenant

#: Returns metric → units that exist, for the tenant of that primary key.
Count = Callable[[int], Mapping[str, int]]

_counts: list[Count] = []


@dataclass(frozen=True)
class Difference:
    """`used` is what was counted, `exists` what is there."""

    metric: str
    used: int
    exists: int


def count_with(count: Count) -> None:
    """Have `count` asked for the metrics it knows, at every recount."""
    _counts.append(count)


@transaction.atomic
def recount(tenant: Tenant, *, mend: bool = False) -> list[Difference]:
    """Return the metrics that are counted wrongly; with `mend`, set them right.

    Takers wait meanwhile: they lock the same rows before they insert, so nothing is half-way in between. A metric for
    which no kind registered is left alone.
    """
    rows = Quota.objects.select_for_update().filter(tenant=tenant, metric__in=[m.name for m in METRICS])
    used = {row.metric: row.used for row in rows.order_by("metric")}
    exists: dict[str, int] = {}
    for count in _counts:
        for metric, units in count(tenant.pk).items():
            exists[metric] = exists.get(metric, 0) + units
    differences = [
        Difference(metric, used.get(metric, 0), units)
        for metric, units in sorted(exists.items())
        if used.get(metric, 0) != units
    ]
    if mend:
        for difference in differences:
            Quota.objects.filter(tenant=tenant, metric=difference.metric).update(used=difference.exists)
    return differences
