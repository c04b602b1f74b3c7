"""Which status a resource has, and since when, for programs: the same as the state label says to people."""

from __future__ import annotations

from datetime import datetime
from typing import Any, TypeVar

from django.db.models import OuterRef, QuerySet, Subquery

from apps.lifecycle.legality import open_operation
from apps.lifecycle.models import Event, Operation, Resource, State
from apps.lifecycle.models.status import Status
from apps.lifecycle.state_labels import StateLabel
from apps.lifecycle.verbs import verb_named

R = TypeVar("R", bound=Resource)

#: Codes of state labels that are called otherwise here.
_OF_CODES: dict[str, Status] = {
    State.READY: Status.AVAILABLE,
    State.PENDING: Status.CREATING,
    State.ERROR: Status.FAILED,
}


def status_of(row: Resource, shown: StateLabel) -> Status:
    """Return the status of a resource whose state label is `shown`."""
    running = open_operation(row)
    if running is not None:
        return verb_named(running.verb).status
    return _OF_CODES.get(shown.code) or Status(shown.code)


def with_status_times(rows: QuerySet[R]) -> QuerySet[R]:
    """Read what `since` needs with the rows themselves: each is one look into an index."""
    settled = Operation.objects.filter(
        resource=OuterRef("pk"), exclusive=True, finished_at__isnull=False
    ).order_by("-created_at")
    events = Event.objects.filter(resource=OuterRef("pk")).order_by("-at")
    marked: QuerySet[Any] = rows.annotate(
        settled_at=Subquery(settled.values("finished_at")[:1]), event_at=Subquery(events.values("at")[:1])
    )
    return marked


def since(row: Any) -> datetime:
    """Return when its state became what it is: the open operation's start, or the latest thing that changed it."""
    running = open_operation(row)
    if running is not None:
        return running.created_at
    if not hasattr(row, "settled_at"):
        row = with_status_times(Resource.objects.filter(pk=row.pk)).first() or row
    times: tuple[datetime | None, ...] = (
        getattr(row, "settled_at", None),
        getattr(row, "event_at", None),
        row.created_at,
    )
    return max(at for at in times if at is not None)
