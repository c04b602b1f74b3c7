"""How much of everything a new tenant gets: one setting for each metric."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from apps.platform_settings.catalogue import QUOTAS, declare
from apps.platform_settings.kinds import Number
from apps.quotas.metrics import metrics

DEFAULT_LIMITS = {
    metric.name: declare(
        Number(
            name=f"default_quota_{metric.name}",
            group=QUOTAS,
            label=metric.label,
            # Said once for all of them.
            help=_("Existing tenants keep their limits.") if place == 0 else "",
            unit=metric.unit,
            default=metric.default,
        )
    )
    for place, metric in enumerate(metrics().values())
}
