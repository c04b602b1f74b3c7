"""Whether an administrator acts as a tenant at present: three keys of the browser's session, with a time limit.

Only sessions act: an API key has the rights of its user and no session to act in.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Any

from django.utils.translation import gettext as _

from apps.accounts.models import Tenant
from apps.accounts.platform_settings import ACTING_MINUTES
from apps.lifecycle.actor import Actor
from apps.lifecycle.verbs import Verb

#: Session keys: the tenant's primary key, since when (seconds since 1970), and why.
ACTING_AS, SINCE, REASON = "acting_as_tenant", "acting_since", "acting_reason"


def start(session: Any, tenant: Tenant, reason: str) -> None:
    """Have the session act from now on."""
    session[ACTING_AS], session[SINCE], session[REASON] = tenant.pk, time.time(), reason


def stop(session: Any) -> None:
    """Have the session act no more."""
    for key in (ACTING_AS, SINCE, REASON):
        session.pop(key, None)


def ends_at(session: Any) -> datetime:
    """Return when acting ends by itself."""
    return datetime.fromtimestamp(session.get(SINCE, 0), UTC) + timedelta(minutes=ACTING_MINUTES.value())


def is_over(session: Any) -> bool:
    """Whether the session acts and its time is over."""
    return ACTING_AS in session and ends_at(session) <= datetime.now(UTC)


def acting_tenant_id(session: Any) -> int | None:
    """Return whom the session acts as now; None when it does not, or not any more."""
    if ACTING_AS not in session or is_over(session):
        return None
    tenant_id: int = session[ACTING_AS]
    return tenant_id


def is_acting(actor: Actor) -> bool:
    """Whether this is an administrator acting as a tenant."""
    return actor.is_admin and actor.tenant is not None


def refused_to_administrator(actor: Actor, verb: Verb) -> str:
    """Return why an administrator may not do it, acting as a tenant or not; "" for what may be done, and for others.

    Acting, an administrator works on the tenant's resources, not on its accounts, nor on the own account. The inside of
    a tenant's machines is open only while acting: then there is a reason, a time limit and a line in the tenant's log.
    """
    if is_acting(actor):
        if verb.allowed_while_acting:
            return ""
        return _("Administrators acting as a tenant cannot do this. A member of the tenant must do it.")
    if not (verb.inside and actor.is_admin):
        return ""
    if verb.allowed_while_acting:
        return _("Only administrators acting as the tenant can do this. Act as the tenant first.")
    return _("Administrators cannot do this. A member of the tenant must do it.")
