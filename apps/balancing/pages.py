"""The tab of a compute cluster with rules and log, and the page on which it is rebalanced."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.balancing import selectors
from apps.balancing.loads import HostLoad
from apps.balancing.models import Decision
from apps.balancing.planning import Plan, Wanted
from apps.balancing.progress import MoveProgress, MoveState, moves_of
from apps.balancing.services.rebalancing import cancel_rebalancing, open_rebalancing, plan_of, rebalance
from apps.balancing.services.rules import rules_of
from apps.balancing.texts import measure_word, sentence
from apps.infrastructure.pages.figures import MIB_PER_GIB, size
from apps.lifecycle.errors import Invalid, Refused
from apps.lifecycle.state_labels import StateLabel
from apps.portal import html
from apps.portal.detail import DetailPage, Properties, Property
from apps.portal.kinds import resource_url
from apps.portal.page import Page

#: Lines of the log that the tab shows; the API has all of them.
LINES = 50
_STATES = {
    MoveState.WAITING: StateLabel(gettext_lazy("Waiting"), "off"),
    MoveState.RUNNING: StateLabel(gettext_lazy("Migrating"), "busy"),
    MoveState.DONE: StateLabel(gettext_lazy("Done"), "ok"),
    MoveState.FAILED: StateLabel(gettext_lazy("Failed"), "error"),
    MoveState.CANCELLED: StateLabel(gettext_lazy("Cancelled"), "off"),
    MoveState.REFUSED: StateLabel(gettext_lazy("Refused"), "error"),
}


def balancing_tab(page: DetailPage, row: Any) -> dict[str, Any]:
    """Return the rules of a cluster and what was decided by them."""
    lines = selectors.visible_decisions(page.actor).filter(cluster=row).order_by("-at")[:LINES]
    return {
        "groups": [_rules(row)],
        "lines": [_line(page, line) for line in lines],
        "open": open_rebalancing(row),
    }


def _rules(row: Any) -> Properties:
    rules = rules_of(row)
    return Properties(
        _("Overload rules"),
        [
            Property(_("Move VMs off overloaded hosts"), _("enabled") if rules.enabled else _("disabled")),
            Property(_("CPU threshold"), f"{rules.cpu_percent} %"),
            Property(_("Memory threshold"), f"{rules.memory_percent} %"),
            Property(_("Duration"), _("%(n)s min") % {"n": rules.minutes}),
            Property(_("Margin"), _("%(n)s percentage points") % {"n": rules.margin}),
            Property(_("Most moves per hour"), rules.moves_per_hour),
            Property(_("Pause"), _("%(n)s min") % {"n": rules.pause_minutes}),
        ],
    )


def _line(page: DetailPage, row: Decision) -> dict[str, Any]:
    task = resource_url(page.area, "operation", row.operation_id) if row.operation_id else ""
    return {"row": row, "text": sentence(row), "task": task}


class RebalancePage(Page):
    title = gettext_lazy("Rebalance")
    template_name = "balancing/rebalance.html"

    def get(self, request: HttpRequest, key: int) -> HttpResponse:
        """Show the rebalancing that is running, or the plan for a new one."""
        return self._draw(key)

    def post(self, request: HttpRequest, key: int) -> HttpResponse:
        """Apply the chosen moves."""
        cluster = selectors.cluster_to_balance(self.actor, key)
        try:
            rebalance(self.actor, cluster, [_wanted(each) for each in request.POST.getlist("move")])
        except Refused as error:
            if error.status == 403:
                raise
            return self._draw(key, error)
        return self.go(request.path)

    def _draw(self, key: int, refused: Refused | None = None) -> HttpResponse:
        cluster = selectors.cluster_to_balance(self.actor, key)
        running = selectors.visible_rebalancings(self.actor).filter(cluster=cluster, finished_at=None).first()
        moves = moves_of(running) if running is not None else []
        return self.show(
            {
                "title": _("Rebalance %(cluster)s") % {"cluster": cluster},
                "cluster": cluster,
                "running": running,
                "progress": [_progress(self.area, move) for move in moves],
                "total": len(moves),
                "ended": sum(move.state not in (MoveState.WAITING, MoveState.RUNNING) for move in moves),
                "watched": " ".join(
                    [f"compute_cluster:{cluster.pk}"]
                    + [
                        f"operation:{move.item.operation_id}"
                        for move in moves
                        if move.state is MoveState.RUNNING
                    ]
                ),
                "refused": refused,
                "request_id": getattr(self.request, "request_id", ""),
                **({} if running else _shown(plan_of(cluster))),
            },
            status=refused.status if refused else 200,
        )


class CancelRebalancePage(Page):
    """POST only: start no more moves."""

    http_method_names = ["post"]

    def post(self, request: HttpRequest, key: int) -> HttpResponse:
        """Cancel what is running, and show what becomes of the rest."""
        cluster = selectors.cluster_to_balance(self.actor, key)
        found = open_rebalancing(cluster)
        if found is not None:
            cancel_rebalancing(self.actor, found)
        return self.go(request.path.removesuffix("cancel/"))


def _wanted(text: str) -> Wanted:
    parts = text.split(":")
    if len(parts) != 3 or not all(len(part) == 36 for part in parts):
        raise Invalid({"move": [_("Choose moves of the plan.")]})
    return Wanted(*parts)


def _progress(area: str, move: MoveProgress) -> dict[str, Any]:
    task = resource_url(area, "operation", move.item.operation_id) if move.item.operation_id else ""
    return {"move": move, "word": _STATES[move.state], "task": task}


def _shown(made: Plan) -> dict[str, Any]:
    return {
        "moves": [
            {
                "value": f"{move.vm.id}:{move.source}:{move.target}",
                "vm": move.vm,
                "size": size(move.vm.memory_mib / MIB_PER_GIB),
                "source": made.before[move.source].name,
                "target": made.before[move.target].name,
                "why": _("%(what)s %(here)s %% against %(there)s %%")
                % {
                    "what": _measure(move.measure),
                    "here": round(move.source_percent),
                    "there": round(move.target_percent),
                },
            }
            for move in made.moves
        ],
        "hosts": [
            {"name": before.name, "bars": zip(_bars(before), _bars(after), strict=True)}
            for before, after in made.touched
        ],
    }


def _measure(measure: str) -> str:
    return _("memory allocated") if measure == "memory" else measure_word(measure)


def _bars(host: HostLoad) -> list[Any]:
    vcpu, memory, cpu = (100 * share for share in host.shares)
    return [html.gauge(value, 100, f"{value:.0f} %") for value in (vcpu, memory, cpu)]
