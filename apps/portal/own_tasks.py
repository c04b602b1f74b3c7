"""The user's own tasks in the top bar: how many are under way, how many failed since they were last looked at."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from apps.lifecycle.actor import Actor
from apps.lifecycle.models import Operation, OperationStatus
from apps.portal.operation_pages import OPERATION, operation_word
from apps.portal.page import Page

#: When the user last opened the list, in seconds; written by the browser, as it is nobody else's business.
SEEN_COOKIE = "tasks_seen"
#: What failed longer ago is no news, seen or not.
NEWS = timedelta(days=1)
LATEST = 10


@dataclass(frozen=True)
class Standing:
    running: int
    failed: int


def standing(actor: Actor, request: HttpRequest) -> Standing:
    """Return the counts, by two partial indexes."""
    failed = Operation.objects.filter(status=OperationStatus.FAILED, finished_at__gt=_seen(request))
    return Standing(_own(actor, Operation.objects.open()).count(), _own(actor, failed).count())


def _own(actor: Actor, rows: QuerySet[Operation]) -> QuerySet[Operation]:
    own = rows.filter(actor=actor.user)
    return own.filter(tenant=actor.tenant) if actor.tenant is not None else own


def _seen(request: HttpRequest) -> datetime:
    given = request.COOKIES.get(SEEN_COOKIE, "")
    oldest = timezone.now() - NEWS
    seconds = int(given) if given.isdecimal() and len(given) <= 10 else 0  # until the year 2286
    return max(oldest, datetime.fromtimestamp(seconds, UTC))


class OwnTasks(Page):
    """The latest of the user's tasks, for the top bar's menu; with `?badge` only the counts on its button."""

    template_name = "portal/own_tasks.html"

    def get(self, request: HttpRequest) -> HttpResponse:
        """Return the part; a browser that opens the path is led to the list of all tasks."""
        if not self.is_part:
            return self.go(OPERATION.url(self.area, "list"))
        if "badge" in request.GET:
            return self.show({"tasks": standing(self.actor, request)}, "portal/own_tasks_badge.html")
        mine = OPERATION.rows(self.actor).filter(actor=self.actor.user).order_by("-created_at")[:LATEST]
        return self.show({"operations": [(row, operation_word(row)) for row in mine]})
