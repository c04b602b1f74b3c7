"""The user's own tasks in the top bar: how many are under way, and how many failed that were not shown yet."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from apps.lifecycle.actor import Actor
from apps.lifecycle.models import Operation, OperationStatus
from apps.lifecycle.verbs import no_tasks
from apps.portal.operation_pages import OPERATION, operation_word, tasks_of
from apps.portal.page import Page

#: When the latest failure finished that the user was shown, in microseconds; written by the browser once it shows it.
SEEN_COOKIE = "tasks_shown"
#: Digits of that number until the year 2286.
MOST_DIGITS = 16
#: What failed longer ago is no news, seen or not.
NEWS = timedelta(days=1)
#: Tasks of the list; failures that are news come first and may be more.
LATEST, MOST_NEWS = 10, 50


@dataclass(frozen=True)
class Standing:
    running: int
    failed: int


def standing(actor: Actor, request: HttpRequest) -> Standing:
    """Return the counts, by two partial indexes."""
    return Standing(_own(actor, Operation.objects.open()).count(), _news(actor, request).count())


def _news(actor: Actor, request: HttpRequest) -> QuerySet[Operation]:
    failed = Operation.objects.filter(status=OperationStatus.FAILED, finished_at__gt=_seen(request))
    return _own(actor, failed)


def _own(actor: Actor, rows: QuerySet[Operation]) -> QuerySet[Operation]:
    own = rows.filter(actor=actor.user).exclude(verb__in=no_tasks())
    return own.filter(tenant=actor.tenant) if actor.tenant is not None else own


def _seen(request: HttpRequest) -> datetime:
    given = request.COOKIES.get(SEEN_COOKIE, "")
    oldest = timezone.now() - NEWS
    microseconds = int(given) if given.isdecimal() and len(given) <= MOST_DIGITS else 0
    return max(oldest, datetime.fromtimestamp(0, UTC) + timedelta(microseconds=microseconds))


def _microseconds(at: datetime) -> int:
    return (at - datetime.fromtimestamp(0, UTC)) // timedelta(microseconds=1)


class OwnTasks(Page):
    """The user's tasks for the top bar's menu, new failures first; with `?badge` only the counts on its button."""

    template_name = "portal/own_tasks.html"

    def get(self, request: HttpRequest) -> HttpResponse:
        """Return the part; a browser that opens the path is led to the list of all tasks."""
        if not self.is_part:
            return self.go(OPERATION.url(self.area, "list"))
        if "badge" in request.GET:
            return self.show({"tasks": standing(self.actor, request)}, "portal/own_tasks_badge.html")
        # The oldest of them: those for which there is no room come up next time.
        keys = _news(self.actor, request).order_by("finished_at").values_list("pk", flat=True)[:MOST_NEWS]
        mine = tasks_of(self.actor).filter(actor=self.actor.user)
        news = list(mine.filter(pk__in=list(keys)).order_by("-finished_at"))
        others = mine.exclude(pk__in=[row.pk for row in news]).order_by("-created_at")[:LATEST]
        return self.show(
            {
                "news": [(row, operation_word(row)) for row in news],
                "operations": [(row, operation_word(row)) for row in others],
                "shown_until": _microseconds(news[0].finished_at) if news else "",
            }
        )
