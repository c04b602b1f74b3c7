"""One timeline of a resource: what people did (audit, with the operation's result) and what was observed (events)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from apps.audit.models import AuditEntry
from apps.lifecycle.models import Event, Operation, OperationStatus
from apps.lifecycle.verbs import Text, verb_named
from apps.portal.kinds import resource_url

LENGTH = 100

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
    took: timedelta | None = None
    url: str = ""


def timeline(row: Any, area: str) -> Sequence[Moment]:
    """Return the latest moments, newest first."""
    audit = AuditEntry.objects.filter(target_id=row.pk).select_related("operation").order_by("-at")[:LENGTH]
    events = Event.objects.filter(resource_id=row.pk).order_by("-at")[:LENGTH]
    moments = [_of_audit(entry, area) for entry in audit]
    moments += [Moment(event.at, event.message, detail=event.code) for event in events]
    return sorted(moments, key=lambda moment: moment.at, reverse=True)[:LENGTH]


def duration(operation: Operation) -> timedelta | None:
    """Return how long it took from request to result; None while it runs."""
    return operation.finished_at - operation.created_at if operation.finished_at else None


def label_of(verb_name: str) -> Text:
    """Return the verb's label; its bare name when no app declares it any more."""
    try:
        return verb_named(verb_name).label
    except KeyError:
        return verb_name


def _of_audit(entry: AuditEntry, area: str) -> Moment:
    origin = " · ".join(filter(None, [entry.via, entry.ip]))
    operation = entry.operation
    if operation is None:
        return Moment(entry.at, label_of(entry.verb), who=entry.actor_name, origin=origin)
    return Moment(
        entry.at,
        label_of(entry.verb),
        who=entry.actor_name,
        origin=origin,
        tone=TONES[OperationStatus(operation.status)],
        detail=operation.error.get("message", ""),
        hint=operation.error.get("hint", ""),
        took=duration(operation),
        url=resource_url(area, "operation", operation.pk),
    )
