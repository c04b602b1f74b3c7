"""Acting as a tenant: its beginning and end stand in the tenant's own log."""

from __future__ import annotations

from django.db import transaction
from django.utils.translation import gettext as _

from apps.accounts.access import allow
from apps.accounts.models import Tenant
from apps.accounts.platform_settings import ACTING_MINUTES
from apps.accounts.single_line import clean_line
from apps.accounts.verbs import TENANT_ACT_AS, TENANT_STOP_ACTING
from apps.audit.record import record
from apps.lifecycle.actor import Actor
from apps.lifecycle.errors import Invalid

LONGEST_REASON = 200
#: Why acting ended.
STOPPED, TIME_OVER, LOGGED_OUT, DELETED = "stopped", "time", "log-out", "deleted"


@transaction.atomic
def record_start(actor: Actor, tenant: Tenant, reason: str) -> str:
    """Log that an administrator begins to act as a tenant; return the reason as kept. Raises Forbidden or Invalid."""
    allow(actor, TENANT_ACT_AS, project=None, tenant_id=None)
    reason = clean_line("reason", " ".join(reason.split()), LONGEST_REASON)
    if not reason:
        raise Invalid({"reason": [_("Enter a reason of at most %(n)s characters.") % {"n": LONGEST_REASON}]})
    _record(actor, TENANT_ACT_AS.name, tenant, reason=reason, minutes=ACTING_MINUTES.value())
    return reason


def record_stop(actor: Actor, tenant: Tenant | None, why: str) -> None:
    """Log that it ended: STOPPED, TIME_OVER, LOGGED_OUT or DELETED. tenant: None for one that was deleted."""
    _record(actor, TENANT_STOP_ACTING.name, tenant, ended=why)


def _record(actor: Actor, verb: str, tenant: Tenant | None, **args: object) -> None:
    if tenant is None:
        record(actor, verb, args=args)
    else:
        record(actor, verb, tenant=tenant, name=tenant.name, target_id=tenant.uid, args=args)
