"""Ends sessions that have lasted too long or in which nobody has clicked for too long.

What the page fetches by itself to stay true carries X-Background and keeps no session alive.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta

from django.contrib.auth import logout
from django.contrib.sessions.backends.base import SessionBase
from django.http import HttpRequest, HttpResponse

from apps.accounts.platform_settings import SESSION_HOURS, SESSION_IDLE_MINUTES

#: Session keys, in seconds since 1970.
BEGAN, SEEN = "began_at", "seen_at"
#: The time of the last click is written at most this often.
EXACT = timedelta(minutes=1).total_seconds()


class SessionLimitsMiddleware:
    """After authentication, before anything asks who it is."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.user.is_authenticated:
            now = time.time()
            if over(request.session, now):
                logout(request)
            else:
                _note(request, now)
        return self.get_response(request)


def over(session: SessionBase, now: float) -> bool:
    """Whether the session may not be used any more."""
    return now > ends_at(session, now)


def ends_at(session: SessionBase, now: float) -> float:
    """Return when the session ends unless somebody clicks before, in seconds since 1970."""
    began, seen = session.get(BEGAN, now), session.get(SEEN, now)
    longest = timedelta(hours=SESSION_HOURS.value()).total_seconds()
    idle = timedelta(minutes=SESSION_IDLE_MINUTES.value()).total_seconds()
    return float(min(began + longest, seen + idle))


def _note(request: HttpRequest, now: float) -> None:
    session = request.session
    if BEGAN not in session:
        session[BEGAN] = now
    if "X-Background" not in request.headers and now - session.get(SEEN, 0) > EXACT:
        session[SEEN] = now
