"""The VMs on a tenant's overview: how many are in which state, and the newest with their load."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

from django.db.models import Count, FilteredRelation, Q, QuerySet
from django.utils.translation import gettext as _

from apps.accounts.access import visible
from apps.compute.models import Power, Vm
from apps.compute.pages.vms import VM
from apps.compute.selectors import visible_vms
from apps.lifecycle.models import State
from apps.lifecycle.models.operation import OPEN
from apps.lifecycle.models.status import Status
from apps.lifecycle.selectors import with_open_operations
from apps.metrics.active_store import store
from apps.portal.kinds import Text
from apps.portal.page import Page
from apps.portal.sparkline import sparkline

#: VMs named on an overview; the list has all.
LATEST = 7
TREND, TREND_STEP = timedelta(hours=1), timedelta(minutes=2)


@dataclass(frozen=True)
class StateCount:
    """How many VMs are in a state; `url`: the list of these."""

    label: Text
    tone: str
    count: int
    url: str


def home_vms(page: Page) -> dict[str, Any] | None:
    """Return the card; None for who has no VM yet."""
    states = vm_states(visible(page.actor, Vm.objects.filter(kind="vm")), VM.url(page.area, "list"))
    if not states:
        return None
    rows = list(with_open_operations(visible_vms(page.actor)).order_by("-created_at", "pk")[:LATEST])
    return {
        "states": states,
        "rows": with_trends(rows),
        "all_url": VM.url(page.area, "list"),
    }


def with_trends(rows: list[Vm]) -> list[dict[str, Any]]:
    """Return VMs, each with the CPU load of the last hour; one query for all of them."""
    trends = store().trends([str(vm.pk) for vm in rows], "cpu_percent", TREND, TREND_STEP)
    return [_with_trend(vm, trends.get(str(vm.pk), [])) for vm in rows]


def _with_trend(vm: Vm, trend: list[float | None]) -> dict[str, Any]:
    now = trend[-1] if trend and vm.is_on else None
    label = _("CPU load of %(name)s in the last hour") % {"name": vm.name}
    return {
        "row": vm,
        "trend": sparkline(trend, label) if trend else "",
        "cpu_text": f"{now:.0f}\N{NO-BREAK SPACE}%" if now is not None else "",
    }


def vm_states(vms: QuerySet[Vm], list_url: str) -> list[StateCount]:
    """Return how many of the VMs are in which state, without empty ones; each with the list of these."""
    still_open = Q(operations__status__in=OPEN, operations__exclusive=True)
    vms = vms.annotate(running_operation=FilteredRelation("operations", condition=still_open))
    at_rest, on = Q(running_operation=None), Q(power_seen=Power.ON)
    ready, paused = at_rest & Q(state=State.READY), ~Q(pause_reason="")
    wanted: tuple[tuple[Text, str, Q, list[Status]], ...] = (
        (_("Running"), "ok", ready & on & ~paused, [Status.RUNNING]),
        (_("Stopped"), "off", ready & ~on, [Status.STOPPED]),
        (_("Changing"), "busy", ~at_rest | Q(state=State.PENDING), []),
        (_("Paused"), "warn", ready & on & paused, [Status.PAUSED]),
        (_("Failed"), "error", at_rest & Q(state=State.ERROR), [Status.FAILED]),
    )
    found = vms.aggregate(**{tone: Count("pk", filter=which) for _label, tone, which, _status in wanted})
    resting = [one for _label, _tone, _which, status in wanted for one in status]
    return [
        StateCount(label, tone, found[tone], _narrowed(list_url, status or resting, negated=not status))
        for label, tone, _which, status in wanted
        if found[tone]
    ]


def _narrowed(list_url: str, status: list[Status], *, negated: bool) -> str:
    query = {"status": ",".join(status), **({"not": "status"} if negated else {})}
    return f"{list_url}{'&' if '?' in list_url else '?'}{urlencode(query, safe=',')}"
