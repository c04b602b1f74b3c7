"""Taking and giving back quota, inside the transaction of the change that needs it.

The rows are locked first, so concurrent takers queue and each sees what the one before it took. They are locked in the
order of their metric, so that two takers cannot wait for each other in a circle.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from django.db.models import Case, F, IntegerField, QuerySet, Value, When
from django.db.models.functions import Greatest
from django.utils.translation import gettext as _

from apps.lifecycle.actor import Actor
from apps.lifecycle.errors import QuotaExceeded
from apps.quotas.metrics import BY_NAME, METRICS
from apps.quotas.models import Quota
from apps.tenancy.models import Project, Tenant


def create_quotas(tenant: Tenant, limits: Mapping[str, int] | None = None) -> None:
    """Give a new tenant its rows; `limits` overrides the defaults."""
    _insert(tenant.pk, {metric.name: metric.default for metric in METRICS} | dict(limits or {}))


def welcome(actor: Actor, project: Project) -> None:
    """Give a new account's tenant the rows it does not have yet."""
    create_quotas(project.tenant)


def take(tenant_id: int, amounts: Mapping[str, int]) -> None:
    """Count `amounts` (metric → units) as used. Raises QuotaExceeded, and counts nothing, when one does not fit."""
    rows = _locked(tenant_id, amounts)
    short = [row for row in rows if row.used + amounts[row.metric] > row.limit]
    if short:
        raise _exceeded(short, amounts)
    _add(rows, amounts, sign=1)


def give_back(tenant_id: int, amounts: Mapping[str, int]) -> None:
    """Count `amounts` as free again."""
    _add(_locked(tenant_id, amounts), amounts, sign=-1)


def _locked(tenant_id: int, amounts: Mapping[str, int]) -> list[Quota]:
    rows = list(_lock(tenant_id, amounts))
    missing = amounts.keys() - {row.metric for row in rows}
    if missing:
        # A metric newer than the tenant. Without its row nothing would be counted.
        _insert(tenant_id, {name: BY_NAME[name].default for name in missing})
        rows = list(_lock(tenant_id, amounts))
    return rows


def _lock(tenant_id: int, metrics: Iterable[str]) -> QuerySet[Quota]:
    rows = Quota.objects.select_for_update().filter(tenant_id=tenant_id, metric__in=metrics)
    return rows.order_by("metric")


def _insert(tenant_id: int, limits: Mapping[str, int]) -> None:
    Quota.objects.bulk_create(
        [Quota(tenant_id=tenant_id, metric=metric, limit=limit) for metric, limit in limits.items()],
        ignore_conflicts=True,
    )


def _add(rows: list[Quota], amounts: Mapping[str, int], *, sign: int) -> None:
    change = Case(
        *(When(metric=row.metric, then=Value(sign * amounts[row.metric])) for row in rows),
        default=Value(0),
        output_field=IntegerField(),
    )
    Quota.objects.filter(pk__in=[row.pk for row in rows]).update(used=Greatest(F("used") + change, 0))


def _exceeded(short: list[Quota], amounts: Mapping[str, int]) -> QuotaExceeded:
    lines = []
    for row in short:
        metric = BY_NAME[row.metric]
        lines.append(
            _("%(label)s: %(used)s of %(limit)s %(unit)s used, %(asked)s more asked for").replace("  ", " ")
            % {
                "label": metric.label,
                "used": row.used,
                "limit": row.limit,
                "unit": metric.unit,
                "asked": amounts[row.metric],
            }
        )
    return QuotaExceeded(
        _("Over quota. %(lines)s.") % {"lines": "; ".join(lines)},
        hint=_("Delete what you no longer need, or ask the administrator for a higher limit."),
        details={
            "quotas": [
                {"metric": r.metric, "used": r.used, "limit": r.limit, "asked": amounts[r.metric]}
                for r in short
            ]
        },
    )
