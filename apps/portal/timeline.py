"""One timeline of a resource: what people did (audit, with the operation's result) and what was observed (events)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db.models import CharField, QuerySet, Value
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.accounts.operation_log import visible_entries
from apps.audit.models import DONE, AuditEntry
from apps.lifecycle.actor import Actor
from apps.lifecycle.models import Event, Operation, OperationStatus, Resource
from apps.lifecycle.stored_messages import rendered_error, rendered_event
from apps.lifecycle.verbs import Text, verb_named
from apps.portal.kinds import resource_url
from apps.portal.operation_steps import Step, steps_of
from apps.portal.slots import TIMELINES, TimelineSlot

#: Moments of one page; the overview shows the latest few.
LENGTH = 50
SHORT = 6

ALL, CHANGES, EVENTS = "", "changes", "events"
#: What can be looked at, in the order of the filter.
VIEWS: Sequence[tuple[str, Text]] = (
    (ALL, gettext_lazy("All")),
    (CHANGES, gettext_lazy("Changes")),
    (EVENTS, gettext_lazy("Last checked")),
)

TONES = {
    OperationStatus.QUEUED: "busy",
    OperationStatus.RUNNING: "busy",
    OperationStatus.DONE: "ok",
    OperationStatus.FAILED: "error",
    OperationStatus.CANCELLED: "off",
}


@dataclass(frozen=True)
class Moment:
    """One line: when, who (empty: the platform), what, with what result."""

    at: datetime
    text: Text
    who: str = ""
    origin: str = ""
    tone: str = "off"
    detail: str = ""
    hint: str = ""
    code: str = ""
    took: timedelta | None = None
    url: str = ""
    operation: UUID | None = None
    steps: Sequence[Step] = field(default=())


@dataclass(frozen=True)
class Timeline:
    moments: Sequence[Moment]
    number: int = 1
    more: bool = False


def timeline(
    actor: Actor, row: Any, area: str, *, show: str = ALL, number: int = 1, length: int = LENGTH
) -> Timeline:
    """Return one page of the moments the actor may read, newest first, in three queries however many there are."""
    added = _added_to(row)
    names = _moments(actor, row, show, added).order_by("-at", "source", "-id")
    start = (number - 1) * length
    some = list(names[start : start + length + 1])
    ids: dict[str, list[int]] = {}
    for _at, pk, source in some:
        ids.setdefault(source, []).append(pk)
    drawn = {source: _drawn(actor, area, source, keys, added) for source, keys in ids.items()}
    moments = [drawn[source][pk] for _at, pk, source in some[:length]]
    return Timeline(moments, number, len(some) > length)


def _added_to(row: Any) -> list[TimelineSlot]:
    """Return what apps above add to the timeline of a resource."""
    return [slot for slot in TIMELINES if slot.kind in ("", row.kind)] if isinstance(row, Resource) else []


def _drawn(
    actor: Actor, area: str, source: str, keys: Sequence[int], added: Sequence[TimelineSlot]
) -> Mapping[int, Moment]:
    if source == "audit":
        entries = visible_entries(actor).in_bulk(keys)
        return {pk: _of_audit(entry, area) for pk, entry in entries.items()}
    if source == "event":
        return {pk: _of_event(event) for pk, event in Event.objects.in_bulk(keys).items()}
    return next(slot for slot in added if slot.source == source).moments(keys, area)


def duration(operation: Operation) -> timedelta | None:
    """Return how long it took from request to result; None while it runs."""
    return operation.finished_at - operation.created_at if operation.finished_at else None


def label_of(verb_name: str) -> Text:
    """Return the verb's label; its bare name when no app declares it any more."""
    try:
        return verb_named(verb_name).label
    except KeyError:
        return verb_name


def _moments(actor: Actor, row: Any, show: str, added: Sequence[TimelineSlot]) -> QuerySet[Any, Any]:
    """Return (at, id, source) of everything that is shown, to be sorted and cut by the database."""
    # What is no resource has its log under the id that stands in its path.
    target = row.pk if isinstance(row, Resource) else getattr(row, "uid", None)
    entries = visible_entries(actor) if target is not None else AuditEntry.objects.none()
    audit = _named(entries.filter(target_id=target).select_related(None), "audit")
    events = Event.objects.filter(resource_id=row.pk) if isinstance(row, Resource) else Event.objects.none()
    observed = [_named(events, "event"), *(_named(slot.rows(actor, row), slot.source) for slot in added)]
    if show == CHANGES:
        return audit
    first, *rest = observed if show == EVENTS else [audit, *observed]
    return first.union(*rest, all=True) if rest else first


def _named(rows: QuerySet[Any], source: str) -> QuerySet[Any, Any]:
    annotated = rows.order_by().annotate(source=Value(source, output_field=CharField()))
    named: QuerySet[Any, Any] = annotated.values_list("at", "id", "source")
    return named


def _of_event(event: Event) -> Moment:
    return Moment(event.at, rendered_event(event.message), code=event.code)


def _of_audit(entry: AuditEntry, area: str) -> Moment:
    origin = " · ".join(filter(None, [_via(entry.via), entry.ip]))
    operation = entry.operation
    if operation is None:
        refused = entry.outcome != DONE
        return Moment(
            entry.at,
            label_of(entry.verb),
            who=entry.actor_name,
            origin=origin,
            tone="warn" if refused else "ok",
            detail=_("Refused") if refused else "",
            code=entry.outcome if refused else "",
        )
    error = rendered_error(operation.error)
    return Moment(
        entry.at,
        label_of(entry.verb),
        who=entry.actor_name,
        origin=origin,
        tone=TONES[OperationStatus(operation.status)],
        detail=error["message"],
        hint=error["hint"],
        code=error["code"],
        took=duration(operation),
        url=resource_url(area, "operation", operation.pk),
        operation=operation.pk,
        steps=steps_of(operation),
    )


def _via(via: str) -> str:
    words = {"portal": _("via the portal"), "api": _("via API key"), "system": _("by the platform")}
    return words.get(via, via)
