"""Logins and failed ones in the operation log."""

from __future__ import annotations

from django.http import HttpRequest

from apps.accounts.models import User
from apps.accounts.verbs import LOG_IN, LOG_IN_FAILED
from apps.audit.models import DONE
from apps.audit.record import record
from apps.lifecycle.actor import Actor

FAILED, SECOND_FAILED = "login.failed", "login.second_step_failed"


def note_log_in(actor: Actor, user: User, method: str) -> None:
    """Keep a line of how somebody logged in."""
    _record(actor, LOG_IN.name, user, method=method)


def note_failure(request: HttpRequest, user: User | None, outcome: str = FAILED) -> None:
    """Keep a line of a login that failed."""
    nobody = Actor(
        user=None, ip=request.META.get("REMOTE_ADDR"), request_id=getattr(request, "request_id", "")
    )
    _record(nobody, LOG_IN_FAILED.name, user, outcome)


def _record(actor: Actor, verb: str, user: User | None, outcome: str = DONE, **args: str) -> None:
    if user is None:
        # A name that does not exist is not kept: people type their password into the wrong field.
        record(actor, verb, outcome=outcome)
        return
    record(
        actor, verb, tenant=user.tenant, name=user.username, target_id=user.uid, outcome=outcome, args=args
    )
