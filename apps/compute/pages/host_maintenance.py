"""The maintenance of a host: the plan before it is drained, how far that is, what is left, and the way back."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from django.urls import reverse
from django.utils.translation import gettext_lazy, ngettext

from apps.compute.drain_plan import Fate, PlannedMove, plan_drain
from apps.compute.drain_progress import DrainProgress, drain_progress, last_drain
from apps.compute.drain_texts import counted
from apps.compute.models import Vm
from apps.infrastructure.models import Host
from apps.infrastructure.verbs import HOST_DRAIN
from apps.lifecycle.cancellation import why_not_cancel
from apps.lifecycle.legality import open_operation
from apps.lifecycle.models import Operation
from apps.lifecycle.stored_messages import rendered_error
from apps.portal.detail import DetailPage

#: VMs shown; those that stay stand first.
MOST = 300


class Phase(IntEnum):
    """Where a host is on its way through maintenance."""

    PLAN = 0
    DRAIN = 1
    EMPTY = 2


STEPS = (gettext_lazy("Plan"), gettext_lazy("Drain"), gettext_lazy("Maintenance"), gettext_lazy("Put back"))
_WORDS = {
    Fate.LIVE: gettext_lazy("Moves live"),
    Fate.STOPPED: gettext_lazy("Moves stopped"),
    Fate.WAITS: gettext_lazy("Moves later"),
    Fate.STAYS: gettext_lazy("Stays"),
}


@dataclass(frozen=True)
class Line:
    """A VM as shown. tone: of its outcome."""

    vm: Vm
    word: object
    tone: str
    target: Host | None
    reason: str
    hint: str


def host_maintenance(page: DetailPage, row: Host) -> dict[str, Any]:
    """Return what the tab shows."""
    offers = page.of.offers(page.rights, row, page.area, only=("drain", "put_back"))
    common = {"acts": {offer.do.verb.action: offer for offer in offers}}
    drain = last_drain(row) if row.in_maintenance else None
    if drain is None:
        plan = plan_drain(row)
        lines = [_line(move) for move in plan.moves]
        return {**common, **_at(Phase.PLAN), "says": counted(plan), **_shown(lines)}
    progress = drain_progress(row, drain)
    running = open_operation(row)
    lines = _lines(progress)
    shown = {**common, "progress": progress, **_shown(lines)}
    if running is not None and running.verb == HOST_DRAIN.name:
        return {**shown, **_at(Phase.DRAIN), "cancel_url": _cancel_url(page, running), "drain": running}
    if progress.left:
        return {**shown, **_at(Phase.DRAIN), "left": _left(progress.left)}
    return {**shown, **_at(Phase.EMPTY)}


def _at(phase: Phase) -> dict[str, Any]:
    steps = [
        {
            "label": label,
            "number": place + 1,
            "state": "done" if place < phase else "here" if place == phase else "",
        }
        for place, label in enumerate(STEPS)
    ]
    return {"phase": phase.name.lower(), "wizard": steps}


def _shown(lines: list[Line]) -> dict[str, Any]:
    return {"lines": lines[:MOST], "more": max(len(lines) - MOST, 0)}


def _left(count: int) -> str:
    text = ngettext(
        "Drained but for %(n)s VM. The host takes no VMs; do not power it off.",
        "Drained but for %(n)s VMs. The host takes no VMs; do not power it off.",
        count,
    )
    return text % {"n": count}


def _lines(progress: DrainProgress) -> list[Line]:
    staying = [_stays(move, progress) for move in progress.staying]
    return [*staying, *(_line(move) for move in (*progress.moving, *progress.waiting, *progress.ready))]


def _line(move: PlannedMove) -> Line:
    tone = {Fate.STAYS: "error", Fate.WAITS: "warn"}.get(move.fate, "ok")
    return Line(move.vm, _WORDS[move.fate], tone, move.target, move.reason, move.hint)


def _stays(move: PlannedMove, progress: DrainProgress) -> Line:
    """A VM that stays says by what its last migration failed, if one did."""
    if error := progress.error_of(move):
        said = rendered_error(error)
        return Line(move.vm, _WORDS[Fate.STAYS], "error", None, said["message"], said["hint"])
    return _line(move)


def _cancel_url(page: DetailPage, drain: Operation) -> str:
    return "" if why_not_cancel(drain) else reverse(f"{page.area}:operation.cancel", args=[drain.pk])
