"""`GET /operations/{id}?wait=30`: an answer that comes when the operation has finished, or the time is over.

The view only says what there is to wait for. The waiting itself is done outside of Django (scloud_console/waiting.py),
where it holds no thread and no database connection; meanwhile each look at the operation is a request of its own, with
rights judged again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.http import HttpRequest
from django.utils.translation import gettext as _
from rest_framework.exceptions import ValidationError

from apps.lifecycle import push
from apps.lifecycle.actor import Actor
from apps.lifecycle.errors import Refused
from apps.lifecycle.models import Operation

PARAMETER = "wait"
MOST_SECONDS = 30
#: Requests of one API key with the keys that it created, or of one user's sessions, that wait at the same time.
MOST_AT_ONCE = 20
#: Where a request's scope has its `Waiting`.
SCOPE = "scloud.waiting"


@dataclass(frozen=True)
class Wait:
    """What to wait for. group: whose pushes tell of it. counted: under which key the waiting request counts."""

    operation: UUID
    group: str
    counted: str


@dataclass
class Waiting:
    """Between the view and whoever waits. wait: set by the view while the operation is open.

    again: this is a further look of a request that has been counted already. too_many: it may not wait.
    """

    wait: Wait | None = None
    again: bool = False
    too_many: bool = False


class TooManyWaiting(Refused):
    """As many requests wait as may."""

    status = 429
    code = "wait.too_many"

    def __init__(self) -> None:
        super().__init__(
            _("%(n)d of your requests are already waiting.") % {"n": MOST_AT_ONCE},
            hint=_("Wait until one has finished, or omit “wait”."),
        )

    @property
    def headers(self) -> dict[str, str]:
        """Say when to try again."""
        return {"Retry-After": "1"}


def waiting_of(request: HttpRequest) -> Waiting | None:
    """Return what the request's server offers for waiting; None where it cannot wait."""
    scope: dict[str, Any] = getattr(request, "scope", {})
    waiting: Waiting | None = scope.get(SCOPE)
    return waiting


def seconds_of(text: str) -> int:
    """Return how long to wait. Raises ValidationError for what is no number of seconds."""
    seconds = int(text) if text.isascii() and text.isdecimal() and len(text) <= 2 else MOST_SECONDS + 1
    if seconds > MOST_SECONDS:
        raise ValidationError({PARAMETER: [_("From 0 to %(n)s.") % {"n": MOST_SECONDS}]})
    return seconds


def wait_for(request: HttpRequest, actor: Actor, operation: Operation) -> None:
    """Say that the answer may wait until the operation has finished. Raises TooManyWaiting."""
    waiting = waiting_of(request)
    if waiting is None or not operation.is_open:
        return
    if waiting.too_many:
        raise TooManyWaiting
    assert actor.user is not None, "nobody else reads operations"
    # Those of a key that another key created count for that one, as its requests do (accounts/throttle/rates.py).
    key = actor.api_key and (actor.api_key.parent or actor.api_key)
    who = f"key:{key.uid}" if key else f"user:{actor.user.uid}"
    waiting.wait = Wait(operation.pk, push.group_about(operation), f"waiting:{who}")
