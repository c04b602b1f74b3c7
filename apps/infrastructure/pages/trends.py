"""How the load of many hosts went lately, as a small chart."""

from __future__ import annotations

from datetime import timedelta

from django.db.models import QuerySet
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from apps.infrastructure.models import Host
from apps.metrics.active_store import store
from apps.portal.sparkline import sparkline

#: With 1,000 hosts these are 36,000 samples to look up.
LENGTH, STEP = timedelta(hours=3), timedelta(minutes=5)


def cpu_trend(hosts: QuerySet[Host]) -> SafeString | str:
    """Return the mean CPU load of hosts in the last three hours; "" when nothing was measured."""
    keys = [str(pk) for pk in hosts.order_by().values_list("pk", flat=True)]
    values = store().mean_trend(keys, "cpu_percent", LENGTH, STEP)
    if not any(value is not None for value in values):
        return ""
    return sparkline(values, _("Mean CPU load of the hosts in the last 3 hours"))
