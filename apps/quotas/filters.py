"""Narrowing the list of tenants by what they use."""

from __future__ import annotations

import django_filters as filters
from django.db.models import (
    Expression,
    ExpressionWrapper,
    F,
    FloatField,
    IntegerField,
    OuterRef,
    QuerySet,
    Subquery,
    Value,
)
from django.db.models.functions import Coalesce
from django.utils.translation import gettext_lazy as _

from apps.accounts.models import Tenant
from apps.api.filter_fields import Number
from apps.quotas.metrics import metrics
from apps.quotas.models import Quota
from apps.tenancy.filters import TenantFilter


def _used(metric: str) -> Expression:
    row = Quota.objects.filter(tenant=OuterRef("pk"), metric=metric)
    return Coalesce(Subquery(row.values("used")[:1], output_field=IntegerField()), 0)


class TenantUseFilter(TenantFilter):
    by = {
        f"used_{metric.name}": Number(metric.label, expression=_used(metric.name))
        for metric in metrics().values()
        if metric.foremost
    }
    tight = filters.BooleanFilter(method="with_little_left", label=_("A quota is nearly used up"))

    def with_little_left(self, queryset: QuerySet[Tenant], name: str, value: bool) -> QuerySet[Tenant]:
        """Keep tenants that have used nine tenths of some quota, or those that have not."""
        rows = nearly_used_up().values("tenant_id")
        return queryset.filter(pk__in=rows) if value else queryset.exclude(pk__in=rows)


def nearly_used_up() -> QuerySet[Quota]:
    """Return the quotas of which nine tenths are used."""
    nearly = ExpressionWrapper(F("limit") * Value(0.9), output_field=FloatField())
    return Quota.objects.filter(used__gt=0, used__gte=nearly)
