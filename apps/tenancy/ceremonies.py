"""Ceremonies in two halves: what is started is kept in the browser's session, and taken out once to be finished.

A challenge counts for what it was made for only: its purpose, its user, this session, a few minutes, one answer. A
failed answer uses it up too. Every ceremony goes through here: passkeys, OpenID Connect, a new authenticator app.
"""

from __future__ import annotations

import time
from enum import StrEnum
from typing import Any

from django.contrib.sessions.backends.base import SessionBase
from django.http import HttpRequest

from apps.accounts.models import User

#: Session key of everything started: purpose to what is kept of it.
CEREMONIES = "ceremonies"


class Purpose(StrEnum):
    """What a challenge is for."""

    PASSKEY_LOG_IN = "passkey.log_in"
    PASSKEY_SECOND_STEP = "passkey.second_step"
    PASSKEY_CONFIRM = "passkey.confirm"
    PASSKEY_ADD = "passkey.add"
    OIDC_LOG_IN = "oidc.log_in"
    OIDC_LINK = "oidc.link"
    APP_ADD = "app.add"


#: Seconds within which the second half must follow. People read their phone or a provider's page meanwhile.
PATIENCE = {
    Purpose.PASSKEY_LOG_IN: 300,
    Purpose.PASSKEY_SECOND_STEP: 300,
    Purpose.PASSKEY_CONFIRM: 300,
    Purpose.PASSKEY_ADD: 300,
    Purpose.OIDC_LOG_IN: 600,
    Purpose.OIDC_LINK: 600,
    Purpose.APP_ADD: 1800,
}


def begin(session: SessionBase, purpose: Purpose, user: User | None, kept: dict[str, Any]) -> None:
    """Keep what the second half needs. One ceremony of a purpose at a time: an earlier one is void."""
    started = dict(session.get(CEREMONIES, {}))
    started[purpose.value] = {"user": user.pk if user else None, "at": time.time(), "kept": kept}
    session[CEREMONIES] = started


def peek(session: SessionBase, purpose: Purpose, user: User | None) -> dict[str, Any] | None:
    """Return what was kept, leaving it; None unless started in this session, for this user, not long ago."""
    found = session.get(CEREMONIES, {}).get(purpose.value)
    if found is None or found["user"] != (user.pk if user else None):
        return None
    age = time.time() - found["at"]
    return dict(found["kept"]) if 0 <= age <= PATIENCE[purpose] else None


def take(session: SessionBase, purpose: Purpose, user: User | None) -> dict[str, Any] | None:
    """Return what was kept and forget it, whether it fits or not."""
    kept = peek(session, purpose, user)
    started = dict(session.get(CEREMONIES, {}))
    if started.pop(purpose.value, None) is not None:
        session[CEREMONIES] = started
        # At once: of two answers sent together, the second must find it gone.
        session.save()
    return kept


def forget(session: SessionBase, *purposes: Purpose) -> None:
    """Void what was started for these purposes."""
    started = session.get(CEREMONIES, {})
    session[CEREMONIES] = {name: kept for name, kept in started.items() if name not in purposes}


def forget_all(request: HttpRequest) -> None:
    """Void everything started: who stands behind the session has changed."""
    request.session.pop(CEREMONIES, None)
