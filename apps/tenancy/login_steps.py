"""From the right password, or a login elsewhere, to a session: the second step, and what a new session remembers.

Between the two steps nobody is logged in. The session only keeps who has passed the first one, for ten minutes, and a
password changed meanwhile makes that void.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

from django.contrib.auth import login
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect
from django.utils.crypto import constant_time_compare

from apps.accounts.auth_backend import usable
from apps.accounts.log_in_records import note_log_in
from apps.accounts.middleware import MUST_ENROL, actor_for
from apps.accounts.models import User
from apps.accounts.recent_proof import record_proof
from apps.accounts.session_limits import BEGAN
from apps.accounts.sessions import note_device
from apps.accounts.throttle.checks import count_login_start, source_of
from apps.accounts.throttle.devices import know_again
from apps.tenancy import ceremonies
from apps.tenancy.factors.rows import has_second_factor, must_enrol

BACKEND = "apps.accounts.auth_backend.AccountBackend"
#: Session key: who has passed the first step.
PENDING = "pending_log_in"
#: Seconds from the first step to the second.
PATIENCE = 600


@dataclass(frozen=True)
class Pending:
    """Somebody who has passed the first step, by which method, on the way to where."""

    user: User
    method: str
    onward: str


def pass_first_step(
    request: HttpRequest, user: User, method: str, onward: str, *, trusted: bool = False
) -> HttpResponse:
    """Let the user in, or lead to the second step when there is one. `trusted`: it was taken elsewhere."""
    if trusted or not has_second_factor(user):
        enter(request, user, method, trusted=trusted)
        return HttpResponseRedirect(onward)
    request.session.flush()
    keep_briefly(request)
    request.session[PENDING] = {
        "user": user.pk,
        "hash": user.get_session_auth_hash(),
        "method": method,
        "onward": onward,
        "at": time.time(),
    }
    return redirect("portal:login.second")


def keep_briefly(request: HttpRequest) -> None:
    """Let the session of somebody who is not logged in yet go by itself: anybody can begin any number of them."""
    if not request.user.is_authenticated:
        request.session.set_expiry(PATIENCE)


def begin_briefly(request: HttpRequest) -> None:
    """Do so for a login that needs no secret to begin. Raises Throttled when a network has started too many.

    Only what makes a session is counted. A cookie that names none has been found out when the user was looked for.
    """
    if not request.user.is_authenticated and request.session.session_key is None:
        count_login_start(source_of(request))
    keep_briefly(request)


def pending(request: HttpRequest) -> Pending | None:
    """Return who has passed the first step in this browser, not long ago, and may still log in."""
    kept: dict[str, Any] = request.session.get(PENDING, {})
    if not kept or time.time() - kept["at"] > PATIENCE:
        return None
    user = User.objects.select_related("tenant").filter(pk=kept["user"]).first()
    if (
        user is None
        or not usable(user)
        or not constant_time_compare(kept["hash"], user.get_session_auth_hash())
    ):
        return None
    return Pending(user, kept["method"], kept["onward"])


def enter(request: HttpRequest, user: User, method: str, *, trusted: bool = False) -> None:
    """Log in: a new session key, and what the session remembers of it. The user has proved all there is to prove."""
    login(request, user, backend=BACKEND)
    request.session.pop(PENDING, None)
    ceremonies.forget_all(request)
    request.session.set_expiry(None)
    request.session[BEGAN] = time.time()
    note_device(request, method)
    record_proof(request)
    know_again(request, user)
    if not trusted and must_enrol(user):
        request.session[MUST_ENROL] = True
    note_log_in(actor_for(request, user), user, method)
