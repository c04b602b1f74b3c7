"""The tab with charts of what was measured. The page has the frames; static/js/charts.js fetches and draws."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from apps.metrics import ranges
from apps.metrics.quantities import BY_NAME, Quantity
from apps.portal.detail import DetailPage, Tab
from apps.portal.kinds import Text


@dataclass(frozen=True)
class ChartCard:
    """One chart: quantities of one unit. `ceiling` names the one that is the top of the scale, drawn as a limit."""

    title: Text
    names: tuple[str, ...]
    ceiling: str = ""

    @property
    def series(self) -> list[Quantity]:
        """Return what is drawn."""
        return [BY_NAME[name] for name in self.names]

    @property
    def unit(self) -> str:
        """Return the unit, which all have in common."""
        return BY_NAME[self.names[0]].unit.value


_CPU = ChartCard(_("CPU"), ("cpu_percent",))
_MEMORY = ChartCard(_("Memory"), ("memory_bytes", "memory_total_bytes"), ceiling="memory_total_bytes")
_DISK = ChartCard(_("Disk throughput"), ("disk_read_bytes_per_second", "disk_write_bytes_per_second"))
_OPERATIONS = ChartCard(_("Disk operations"), ("disk_read_ops_per_second", "disk_write_ops_per_second"))
_NETWORK = ChartCard(_("Network"), ("net_rx_bytes_per_second", "net_tx_bytes_per_second"))
VM_CHARTS = (_CPU, _MEMORY, _DISK, _OPERATIONS, _NETWORK)
SMALL_CHARTS = (_CPU, _MEMORY, _NETWORK)
CLUSTER_CHARTS = (_CPU, _MEMORY, _DISK, _OPERATIONS, _NETWORK)
HOST_CHARTS = (
    _CPU,
    ChartCard(_("Load"), ("load",)),
    _MEMORY,
    ChartCard(_("System disk"), ("disk_used_bytes", "disk_total_bytes"), ceiling="disk_total_bytes"),
    _DISK,
    _OPERATIONS,
    _NETWORK,
)
POOL_CHARTS = (
    ChartCard(_("Space"), ("disk_used_bytes", "disk_total_bytes"), ceiling="disk_total_bytes"),
    ChartCard(_("Raw space"), ("raw_used_bytes", "raw_total_bytes"), ceiling="raw_total_bytes"),
    ChartCard(_("Rebuild"), ("rebuild_bytes_per_second",)),
)


DISK_CHARTS = (
    ChartCard(_("Throughput"), ("disk_read_bytes_per_second", "disk_write_bytes_per_second")),
    ChartCard(_("IOPS"), ("disk_read_ops_per_second", "disk_write_ops_per_second")),
    ChartCard(_("Latency"), ("disk_read_ms", "disk_write_ms")),
)


def monitoring(charts: tuple[ChartCard, ...], api: str, why: Callable[[Any], Text]) -> Tab:
    """Return the tab. `api` names the route of the metrics; `why(row)` says why nothing new comes, "" when it does."""

    def context(page: DetailPage, row: Any) -> dict[str, Any]:
        asked = ranges.BY_NAME.get(page.request.GET.get("range", ""), ranges.DEFAULT)
        return {
            "charts": charts,
            "charts_api": reverse(api, args=[row.pk]),
            "presets": ranges.PRESETS,
            "shown_range": asked.name,
            "default_range": ranges.DEFAULT.name,
            "why": why(row),
        }

    return Tab("monitoring", _("Monitoring"), "portal/tab_monitoring.html", context)


def small_charts(page: DetailPage, row: Any, api: str, why: Text) -> dict[str, Any]:
    """Return the charts of an overview, for `portal/charts_small.html`. `why`: as for the tab."""
    return charts_beside(page, row, api, why, SMALL_CHARTS)


def charts_beside(
    page: DetailPage, row: Any, api: str, why: Text, charts: tuple[ChartCard, ...]
) -> dict[str, Any]:
    """Return these charts for an overview."""
    return {
        "charts": charts,
        "charts_api": reverse(api, args=[row.pk]),
        "charts_url": page.of.url(page.area, "tab.monitoring", row),
        "charts_range": ranges.DEFAULT.name,
        "why": why,
    }
