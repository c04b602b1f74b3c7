"""Ending sessions. A session is its row: without it the browser is logged out with its next request."""

from __future__ import annotations

from uuid import UUID

from django.db.models import QuerySet
from django.utils import timezone

from apps.accounts.models import Session, User
from apps.accounts.sessions import browser_name
from apps.accounts.verbs import SESSION_END, SESSIONS_END
from apps.lifecycle import push
from apps.lifecycle.actor import Actor
from apps.tenancy.services.holding import hold_user
from apps.tenancy.services.own_account import OwnChange, changes_own


def visible_sessions(actor: Actor) -> QuerySet[Session]:
    """Return the actor's own sessions that have not ended: nobody sees those of others, not even an owner."""
    return Session.objects.filter(user=actor.user, user__isnull=False, expire_date__gt=timezone.now())


@changes_own(SESSION_END)
def end_session(change: OwnChange, session: Session) -> None:
    """End one session. The caller has found it among those the actor may see. Raises Forbidden."""
    session.delete()
    push.user_logged_out(change.user.pk, [session.uid])
    change.record(browser=browser_name(session.user_agent), ip=session.ip or "")


@changes_own(SESSIONS_END)
def end_other_sessions(change: OwnChange) -> int:
    """End all of the actor's sessions but the present one; return how many. Raises Forbidden."""
    ended = end_sessions(change.user, but=change.actor.session)
    change.record(sessions=ended)
    return ended


def end_sessions(user: User, but: UUID | None = None) -> int:
    """End the user's sessions, all or all but one; return how many. Call in a transaction. Raises NotFound."""
    hold_user(user)
    rows = Session.objects.filter(user=user)
    rows = rows.exclude(uid=but) if but is not None else rows
    ended = list(rows.values_list("uid", flat=True))
    rows.delete()
    push.user_logged_out(user.pk, ended)
    return len(ended)
