"""Whether the platform's own parts are at work: seen by the administrator before anything that hosts say.

Nothing here is noted while all is well: the collector's round, which beat asks for, the broker carries and a worker
makes, is a pulse of the three together. Only when it is missing is the broker asked, to tell which of them is away.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import redis
from django.conf import settings
from django.db.models import Count, ExpressionWrapper, F, Min, Q
from django.db.models.fields import DurationField
from django.db.models.functions import Least, Now
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from apps.infrastructure.models import Collection
from apps.lifecycle.models import Operation, OperationStatus

#: Rounds come every two seconds.
MISSED = timedelta(seconds=15)
#: What nobody has claimed for so long waits for more than its turn.
WAITED = timedelta(minutes=1)
ANSWER_SECONDS = 0.5


@dataclass(frozen=True)
class ControlPlaneFault:
    """A part that is away, or too slow. at: since when."""

    message: str
    hint: str
    code: str
    at: datetime | None


def control_plane_fault() -> ControlPlaneFault | None:
    """Return what keeps accepted work from being carried out now; None when nothing does. Two queries."""
    waiting, since = _waiting()
    last = Collection.objects.annotate(age=ExpressionWrapper(Now() - F("at"), DurationField())).first()
    if last is not None and last.age > MISSED:
        return _away(waiting, last.at)
    if not waiting:
        return None
    message = ngettext(
        "%(n)s task has waited for a worker for over a minute.",
        "%(n)s tasks have waited for a worker for over a minute.",
        waiting,
    )
    return ControlPlaneFault(message % {"n": waiting}, _("Start more workers."), "workers.busy", since)


def _away(waiting: int, since: datetime) -> ControlPlaneFault:
    kept = _("Accepted tasks are queued. No task is lost.")
    if waiting:
        kept = ngettext(
            "%(n)s accepted task is queued. No task is lost.",
            "%(n)s accepted tasks are queued. No task is lost.",
            waiting,
        ) % {"n": waiting}
    if not _broker_answers():
        message, hint = _("The message broker does not respond."), _("Check that Redis is running.")
        return ControlPlaneFault(message, f"{hint} {kept}", "broker.unreachable", since)
    message, hint = _("No tasks are being processed."), _("Check that the workers and beat are running.")
    return ControlPlaneFault(message, f"{hint} {kept}", "workers.away", since)


def _waiting() -> tuple[int, datetime | None]:
    """Return how many operations nobody has claimed for a while, and since when the first of them could be."""
    long_due = Q(status=OperationStatus.QUEUED, not_before__lt=Now() - WAITED)
    abandoned = Q(status=OperationStatus.RUNNING, lease_until__lt=Now() - WAITED)
    found = Operation.objects.filter(long_due | abandoned).aggregate(
        n=Count("pk"), since=Min(Least("not_before", "lease_until"))
    )
    return found["n"], found["since"]


def _broker_answers() -> bool:
    asked = redis.Redis.from_url(
        settings.REDIS_URL, socket_timeout=ANSWER_SECONDS, socket_connect_timeout=ANSWER_SECONDS, retry=None
    )
    try:
        with asked as client:
            return bool(client.ping())
    except redis.RedisError:
        return False
