"""What administrators set about metrics."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from apps.metrics.tiers import HOUR
from apps.platform_settings.catalogue import METRICS, declare
from apps.platform_settings.kinds import Number

HISTORY_DAYS = declare(
    Number(
        name="metrics_history_days",
        group=METRICS,
        label=_("Metrics retention"),
        help=_("Hourly averages are kept for this long. Finer data is kept for two weeks and two days."),
        unit=_("days"),
        default=HOUR.kept.days,
        least=30,
        most=3660,
    )
)
