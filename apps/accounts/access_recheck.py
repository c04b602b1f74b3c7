"""Whether what an actor came in with still holds: asked again, each second, in what takes long.

A request reads once who asks. One on 500 rows goes on for seconds, in which the key may be revoked, the session ended,
the user deactivated or made no owner any more.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, TypeVar

from django.utils.translation import gettext as _

from apps.accounts.acting import acting_tenant_id, is_acting
from apps.accounts.auth_backend import usable
from apps.accounts.models import ApiKey, Session, Tenant, User
from apps.accounts.sessions import SessionStore
from apps.lifecycle.actor import Actor
from apps.lifecycle.errors import Forbidden

R = TypeVar("R")

#: Seconds after which it is asked again.
EVERY = 1.0


class AccessEnded(Forbidden):
    """The actor could do it when the request began."""

    code = "access.ended"


def while_access_holds(actor: Actor, act: Callable[[Any], R]) -> Callable[[Any], R]:
    """Return `act` for rows of a long request: it raises AccessEnded once the actor's access has ended."""

    asked = time.monotonic()

    def checked(row: Any) -> R:
        nonlocal asked
        if time.monotonic() - asked >= EVERY:
            ensure_access_holds(actor)
            asked = time.monotonic()
        return act(row)

    return checked


def ensure_access_holds(actor: Actor) -> None:
    """Raise AccessEnded unless the actor would still be let in, as who the request began as."""
    if actor.user is None or (_is_same(actor.user) and _holds(actor)):
        return
    raise AccessEnded(_("Your access has been revoked."), hint=_("Log in again, or use another API key."))


def _is_same(known: User) -> bool:
    now = User.objects.select_related("tenant").filter(pk=known.pk).first()
    return now is not None and usable(now) and _rank(now) == _rank(known)


def _rank(user: User) -> tuple[bool, bool, bool]:
    return user.is_platform_admin, user.is_tenant_owner, user.must_change_password


def _holds(actor: Actor) -> bool:
    if actor.api_key is not None:
        return ApiKey.objects.filter(pk=actor.api_key.pk).exists()
    if actor.session is None:
        return True
    session = Session.objects.filter(uid=actor.session).first()
    if session is None:
        return False
    if not is_acting(actor) or actor.tenant is None:
        return True
    acted_as = acting_tenant_id(SessionStore().decode(session.session_data))
    return acted_as == actor.tenant.pk and Tenant.objects.filter(pk=acted_as).exists()
