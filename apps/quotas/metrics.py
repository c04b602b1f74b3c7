"""What is counted per tenant: each app declares its metrics in its own `quota.py`, found as verbs and handlers are."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache

from django.db.models import Model, Sum
from django.utils.functional import Promise
from django.utils.module_loading import autodiscover_modules

#: Returns how many units exist, for the tenant of that primary key.
Count = Callable[[int], int]


@dataclass(frozen=True)
class Metric:
    """One thing that is limited and counted.

    name is stored, label is shown; unit is "" for plain counts. default: the limit of a new tenant. count: the units
    that exist, for recounts. order: place in tables, lower first. list: the kind whose list shows what uses it.
    foremost: shown in the administrator's list of tenants. on_overview: shown on the tenant's own overview.
    """

    name: str
    label: str | Promise
    default: int
    count: Count
    order: int
    list: str = ""
    unit: str = ""
    foremost: bool = False
    on_overview: bool = False


_table: dict[str, Metric] = {}
_counts: dict[str, list[Count]] = {}


def declare(metric: Metric) -> Metric:
    """Add a metric to the table; for `quota.py` of the app whose kind uses it."""
    if metric.name in _table:
        raise ValueError(f"metric {metric.name} is declared twice")
    _table[metric.name] = metric
    count_with(metric.name, metric.count)
    return metric


def count_with(metric: str, count: Count) -> None:
    """Add what another kind uses of a metric, for an app above the one that declares it."""
    _counts.setdefault(metric, []).append(count)


def metrics() -> Mapping[str, Metric]:
    """Return every app's metrics by name, in the order of tables."""
    _discover()
    return dict(sorted(_table.items(), key=lambda item: item[1].order))


def existing(tenant_id: int) -> dict[str, int]:
    """Return metric → units that exist of a tenant."""
    _discover()
    return {metric: sum(count(tenant_id) for count in counts) for metric, counts in _counts.items()}


def rows_of(model: type[Model]) -> Count:
    """Count the tenant's rows of a model."""
    return lambda tenant_id: model._default_manager.filter(tenant_id=tenant_id).count()


def total_of(model: type[Model], field: str) -> Count:
    """Count the sum of a column over the tenant's rows."""

    def total(tenant_id: int) -> int:
        rows = model._default_manager.filter(tenant_id=tenant_id)
        return rows.aggregate(total=Sum(field))["total"] or 0

    return total


@cache
def _discover() -> None:
    autodiscover_modules("quota")
