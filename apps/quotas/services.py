"""Taking and giving back quota, inside the transaction of the change that needs it.

The rows are locked first, so concurrent takers queue and each sees what the one before it took. They are locked in the
order of their metric, so that two takers cannot wait for each other in a circle.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from django.db import connection, transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from apps.accounts.access import allow, ensure_may
from apps.accounts.models import Project, Tenant
from apps.accounts.verbs import TENANT_SET_QUOTAS
from apps.lifecycle import push
from apps.lifecycle.actor import Actor
from apps.lifecycle.acts import serves
from apps.lifecycle.errors import Invalid, QuotaExceeded
from apps.quotas.metrics import metrics
from apps.quotas.models import Quota
from apps.quotas.platform_settings import DEFAULT_LIMITS

#: Largest limit, in the metric's unit: what the column holds.
MOST = 2_147_483_647

_ADD = """
UPDATE quotas_quota q SET used = GREATEST(q.used + change.units, 0)
  FROM unnest(%s::bigint[], %s::bigint[]) AS change(id, units) WHERE q.id = change.id
"""


def create_quotas(tenant: Tenant, limits: Mapping[str, int] | None = None) -> None:
    """Give a new tenant its rows; `limits` overrides the defaults."""
    _insert(
        tenant.pk, {name: setting.value() for name, setting in DEFAULT_LIMITS.items()} | dict(limits or {})
    )


def create_missing_quotas(actor: Actor, project: Project) -> None:
    """Give a new account's tenant the rows it does not have yet."""
    create_quotas(project.tenant)


@serves(TENANT_SET_QUOTAS)
@transaction.atomic
def set_limits(actor: Actor, tenant: Tenant, limits: Mapping[str, int]) -> None:
    """Set limits by metric. One below what is used is taken as it is: it stops new ones, nothing else.

    Raises Forbidden, or Invalid with the metric as the field.
    """
    allowed = allow(actor, TENANT_SET_QUOTAS, project=None, tenant_id=None)
    wrong = {
        metric: [_("Enter a whole number from 0 to %(most)s.") % {"most": MOST}]
        if metric in metrics()
        else [_("Quota not found.")]
        for metric, limit in limits.items()
        if metric not in metrics() or not 0 <= limit <= MOST
    }
    if wrong:
        raise Invalid(wrong)
    before = {row.metric: row.limit for row in _locked(tenant.pk, limits)}
    changed = {metric: limit for metric, limit in limits.items() if before[metric] != limit}
    for metric, limit in changed.items():
        Quota.objects.filter(tenant=tenant, metric=metric).update(limit=limit)
    if changed:
        args = {metric: {"from": before[metric], "to": limit} for metric, limit in changed.items()}
        allowed.record(tenant=tenant, name=tenant.name, target_id=tenant.uid, args=args)
        push.many_changed("quota", [(tenant.pk, None)])


def hold_limits(actor: Actor, tenant: Tenant) -> None:
    """Lock all limits of a tenant, and what it uses, until the transaction ends. Raises Forbidden."""
    ensure_may(actor, TENANT_SET_QUOTAS, None, None)
    hold(tenant.pk, metrics())


def hold(tenant_id: int, metrics: Collection[str]) -> None:
    """Lock the rows of these metrics, in their order: before several `reserve_quota` in one transaction."""
    _locked(tenant_id, dict.fromkeys(metrics, 0))


def reserve_quota(tenant_id: int, amounts: Mapping[str, int]) -> None:
    """Count `amounts` (metric → units) as used. Raises QuotaExceeded, and counts nothing, when one does not fit."""
    rows = _locked(tenant_id, amounts)
    short = [row for row in rows if row.used + amounts[row.metric] > row.limit]
    if short:
        raise exceeded(short, amounts)
    _add(rows, amounts, sign=1)


def release_quota(tenant_id: int, amounts: Mapping[str, int]) -> None:
    """Count `amounts` as free again."""
    _add(_locked(tenant_id, amounts), amounts, sign=-1)


def _locked(tenant_id: int, metrics: Mapping[str, int]) -> list[Quota]:
    rows = list(_lock(tenant_id, metrics))
    missing = metrics.keys() - {row.metric for row in rows}
    if missing:
        # A metric newer than the tenant. Without its row nothing would be counted.
        _insert(tenant_id, {name: DEFAULT_LIMITS[name].value() for name in missing})
        rows = list(_lock(tenant_id, metrics))
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
    with connection.cursor() as cursor:
        cursor.execute(_ADD, [[row.pk for row in rows], [sign * amounts[row.metric] for row in rows]])


def exceeded(short: list[Quota], amounts: Mapping[str, int]) -> QuotaExceeded:
    """Return the refusal for rows that cannot give what is asked."""
    return QuotaExceeded(
        _("Quota exceeded. %(lines)s.")
        % {"lines": "; ".join(_line(row, amounts[row.metric]) for row in short)},
        hint=_("Delete unused resources, or ask the administrator for a higher limit."),
        details={
            "quotas": [
                {"metric": r.metric, "used": r.used, "limit": r.limit, "asked": amounts[r.metric]}
                for r in short
            ]
        },
    )


def _line(row: Quota, asked: int) -> str:
    metric = metrics()[row.metric]
    limit = f"{row.limit} {metric.unit}".rstrip()
    return _("%(label)s: %(used)s of %(limit)s used, %(asked)s more requested") % {
        "label": metric.label,
        "used": row.used,
        "limit": limit,
        "asked": asked,
    }
