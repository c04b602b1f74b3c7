"""The heat map: one figure for each host of a cluster, by the measure chosen."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from django.db.models import Count, QuerySet
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.infrastructure.models import SILENCE, Host
from apps.lifecycle.models import State

#: Percent from which a cell has the next shade: 0 below the first, 5 from the last on.
SHADES = (15, 35, 55, 75, 90)
_COLUMNS = (
    "pk",
    "name",
    "state",
    "accepts_vms",
    "last_report_at",
    "load_percent",
    "memory_used_mib",
    "memory_mib",
    "memory_reserved_mib",
    "memory_capacity_mib",
    "vcpu_reserved",
    "vcpu_capacity",
)


@dataclass(frozen=True)
class Measure:
    """What colours the cells. `figure` of a host's columns is a percentage, or a plain count if `counts`."""

    name: str
    label: str | Promise
    figure: Callable[[dict[str, Any]], float]
    counts: bool = False


def _share(part: str, whole: str) -> Callable[[dict[str, Any]], float]:
    return lambda row: 100 * row[part] / row[whole] if row[whole] else 0.0


MEASURES = (
    Measure("cpu", gettext_lazy("CPU load"), lambda row: row["load_percent"]),
    Measure("memory", gettext_lazy("Memory used"), _share("memory_used_mib", "memory_mib")),
    Measure(
        "allocated", gettext_lazy("Memory allocated"), _share("memory_reserved_mib", "memory_capacity_mib")
    ),
    Measure("vcpu", gettext_lazy("vCPUs allocated"), _share("vcpu_reserved", "vcpu_capacity")),
    Measure("vms", gettext_lazy("VMs"), lambda row: row["vm_count"], counts=True),
)
ORDERS = (("name", gettext_lazy("Name")), ("value", gettext_lazy("Value")))


@dataclass(frozen=True)
class Cell:
    """One host: its figure as text, its shade, and a word and icon where it is not simply available."""

    key: object
    name: str
    value: float
    figure: str
    shade: int
    state: str = ""
    icon: str = ""


@dataclass(frozen=True)
class HeatMap:
    """Cells in their order; `dense` when there are so many that names stand in hints only."""

    measure: Measure
    order: str
    cells: list[Cell]

    @property
    def dense(self) -> bool:
        """Whether there is no room for names."""
        return len(self.cells) > 150


def chosen(name: str) -> Measure:
    """Return the measure of this name, the first when there is none."""
    return next((measure for measure in MEASURES if measure.name == name), MEASURES[0])


def heat_map(hosts: QuerySet[Host], measure: Measure, order: str = "name") -> HeatMap:
    """Read the hosts and draw the map; one query."""
    rows = list(_rows(hosts.order_by("name"), measure))
    most = max((measure.figure(row) for row in rows), default=0) if measure.counts else 100
    silent_since = timezone.now() - SILENCE
    cells = [_cell(row, measure, most or 1, silent_since) for row in rows]
    if order == "value":
        cells.sort(key=lambda cell: -cell.value)
    return HeatMap(measure, order, cells)


def _rows(hosts: QuerySet[Host], measure: Measure) -> Iterable[dict[str, Any]]:
    rows: Iterable[dict[str, Any]] = hosts.values(*_COLUMNS)
    if measure.counts:
        # VMs stand above hosts, so they are counted by the name of their relation; only when they are wanted.
        rows = hosts.annotate(vm_count=Count("vms")).values(*_COLUMNS, "vm_count")
    return rows


def _cell(row: dict[str, Any], measure: Measure, most: float, silent_since: Any) -> Cell:
    value = measure.figure(row)
    state, icon = _standing(row, silent_since)
    return Cell(
        key=row["pk"],
        name=row["name"],
        value=value,
        figure=f"{value:.0f}" if measure.counts else f"{value:.0f}\N{NO-BREAK SPACE}%",
        shade=_shade(100 * value / most),
        state=state,
        icon=icon,
    )


def _standing(row: dict[str, Any], silent_since: Any) -> tuple[str, str]:
    if row["state"] == State.PENDING:
        return _("Enrolled"), "hourglass"
    if row["state"] == State.ERROR:
        return _("Failed"), "alert-circle"
    if row["last_report_at"] is None or row["last_report_at"] <= silent_since:
        return _("Unreachable"), "plug-connected-x"
    return ("", "") if row["accepts_vms"] else (_("Scheduling disabled"), "toggle-left")


def _shade(percent: float) -> int:
    return sum(percent >= least for least in SHADES)
