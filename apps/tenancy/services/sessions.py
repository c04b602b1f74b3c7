"""Ending sessions. A session is its row: without it the browser is logged out with its next request."""

from __future__ import annotations

from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from apps.accounts.access import allow
from apps.accounts.models import Session, User
from apps.accounts.sessions import browser_name
from apps.accounts.verbs import SESSION_END, SESSIONS_END
from apps.audit.record import record
from apps.lifecycle import push
from apps.lifecycle.actor import Actor
from apps.lifecycle.verbs import Verb
from apps.tenancy.services.holding import hold_user


def visible_sessions(actor: Actor) -> QuerySet[Session]:
    """Return the actor's own sessions that have not ended: nobody sees those of others, not even an owner."""
    return Session.objects.filter(user=actor.user, user__isnull=False, expire_date__gt=timezone.now())


@transaction.atomic
def end_session(actor: Actor, session: Session) -> None:
    """End one session. The caller has found it among those the actor may see. Raises Forbidden."""
    allow(actor, SESSION_END, project=None, tenant_id=None)
    assert session.user is not None
    session.delete()
    push.user_logged_out(session.user.pk, [session.uid])
    _record(actor, SESSION_END, session.user, browser=browser_name(session.user_agent), ip=session.ip or "")


@transaction.atomic
def end_other_sessions(actor: Actor) -> int:
    """End all of the actor's sessions but the present one; return how many. Raises Forbidden."""
    allow(actor, SESSIONS_END, project=None, tenant_id=None)
    assert actor.user is not None
    ended = end_sessions(actor.user, but=actor.session)
    _record(actor, SESSIONS_END, actor.user, sessions=ended)
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


def _record(actor: Actor, verb: Verb, user: User, **args: object) -> None:
    record(actor, verb.name, tenant=user.tenant, name=user.username, target_id=user.uid, args=args)
