"""What a create would take of a tenant's quotas, without taking it."""

from __future__ import annotations

from collections.abc import Mapping

from apps.lifecycle.errors import QuotaExceeded
from apps.lifecycle.forecast import QuotaLine
from apps.quotas.metrics import metrics
from apps.quotas.models import Quota
from apps.quotas.services import exceeded


def quota_lines(tenant_id: int, amounts: Mapping[str, int]) -> list[QuotaLine]:
    """Return a line for each metric of `amounts` (metric → units), in the order of the table of metrics."""
    if amounts.keys().isdisjoint(metrics()):
        return []
    rows = {row.metric: row for row in Quota.objects.filter(tenant_id=tenant_id, metric__in=amounts)}
    return [
        QuotaLine(
            metric,
            used=rows[metric.name].used if metric.name in rows else 0,
            asked=amounts[metric.name],
            limit=rows[metric.name].limit if metric.name in rows else metric.default,
        )
        for metric in metrics().values()
        if metric.name in amounts
    ]


def over_quota(lines: list[QuotaLine]) -> QuotaExceeded | None:
    """Return what `services.take` would raise for these lines."""
    short = [line for line in lines if line.short]
    if not short:
        return None
    rows = [Quota(metric=line.metric.name, used=line.used, limit=line.limit) for line in short]
    return exceeded(sorted(rows, key=lambda row: row.metric), {row.metric.name: row.asked for row in short})


def used_by(tenant_id: int) -> dict[str, tuple[int, int]]:
    """Return metric → (used, limit) of a tenant."""
    rows = Quota.objects.filter(tenant_id=tenant_id).values_list("metric", "used", "limit")
    return {metric: (used, limit) for metric, used, limit in rows}


def lines_between(
    before: Mapping[str, tuple[int, int]], after: Mapping[str, tuple[int, int]], asked: Mapping[str, int]
) -> list[QuotaLine]:
    """Return what has been taken from one reading to the next, and what was requested but refused (`asked`)."""
    lines = []
    for metric in metrics().values():
        default = (0, metric.default)
        used, limit = before.get(metric.name, default)
        units = asked.get(metric.name, after.get(metric.name, default)[0] - used)
        if units:
            lines.append(QuotaLine(metric, used, units, limit))
    return lines
