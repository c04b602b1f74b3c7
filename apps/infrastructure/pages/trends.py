"""How the load of many hosts went lately, as a small chart."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.db.models import QuerySet
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from apps.infrastructure.load import fresh
from apps.infrastructure.models import Host
from apps.infrastructure.pages.figures import memory_bar
from apps.lifecycle.selectors import with_open_operations
from apps.metrics.active_store import store
from apps.portal.sparkline import sparkline

#: With 1,000 hosts these are 36,000 samples to look up.
LENGTH, STEP = timedelta(hours=3), timedelta(minutes=5)
BUSIEST = 5
RECENT, RECENT_STEP = timedelta(hours=1), timedelta(minutes=2)


def cpu_trend(hosts: QuerySet[Host]) -> SafeString | str:
    """Return the mean CPU load of hosts in the last three hours; "" when nothing was measured."""
    keys = [str(pk) for pk in hosts.order_by().values_list("pk", flat=True)]
    values = store().mean_trend(keys, "cpu_percent", LENGTH, STEP)
    if not any(value is not None for value in values):
        return ""
    return sparkline(values, _("Average CPU load of the hosts in the last 3 hours"))


def busiest_hosts(hosts: QuerySet[Host]) -> list[dict[str, Any]]:
    """Return the available hosts with the highest CPU load, each with that of the last hour."""
    rows = with_open_operations(hosts.filter(fresh()).select_related("cluster"))
    shown = list(rows.order_by("-load_percent", "name")[:BUSIEST])
    trends = store().trends([str(host.pk) for host in shown], "cpu_percent", RECENT, RECENT_STEP)
    return [
        {
            "row": host,
            "memory": memory_bar(host),
            "cpu_text": f"{host.load_percent:.0f}\N{NO-BREAK SPACE}%",
            "trend": sparkline(trend, _("CPU load of %(name)s in the last hour") % {"name": host.name})
            if (trend := trends.get(str(host.pk)))
            else "",
        }
        for host in shown
    ]
