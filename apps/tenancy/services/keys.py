"""API keys of the actor; a tenant's owner may revoke those of its sub-accounts."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from apps.audit.record import record
from apps.lifecycle.actor import Actor
from apps.lifecycle.errors import Invalid
from apps.tenancy.access import allow
from apps.tenancy.keys import issue_key
from apps.tenancy.models import ApiKey
from apps.tenancy.recent import ensure_recent
from apps.tenancy.services.accounts import clean_name
from apps.tenancy.services.holding import hold_user
from apps.tenancy.verbs import KEY_ISSUE, KEY_REVOKE


@transaction.atomic
def issue_own_key(
    actor: Actor, name: str, scope: str, expires_at: datetime | None = None
) -> tuple[ApiKey, str]:
    """Make a key for the actor and return it with its token, which cannot be shown again.

    Raises Forbidden, NotRecent or Invalid. A key made with another key does not outlive that one.
    """
    allow(actor, KEY_ISSUE, project=None, tenant_id=None)
    ensure_recent(actor)
    assert actor.user is not None, "allow() lets nobody else do this"
    if scope not in ApiKey.Scope.values:
        raise Invalid({"scope": [_("Choose read, operate or write.")]})
    if expires_at is not None and expires_at <= timezone.now():
        raise Invalid({"expires_at": [_("This time has passed.")]})
    if actor.api_key is not None and actor.api_key.expires_at is not None:
        expires_at = min(expires_at or actor.api_key.expires_at, actor.api_key.expires_at)
    key, token = issue_key(hold_user(actor.user), clean_name(name), scope, expires_at)
    record(
        actor,
        KEY_ISSUE.name,
        tenant=actor.user.tenant,
        name=key.name,
        target_id=key.uid,
        args={"scope": scope},
    )
    return key, token


@transaction.atomic
def revoke_key(actor: Actor, key: ApiKey) -> None:
    """End a key at once. Raises Forbidden. The caller has found the key among those the actor may see."""
    allow(actor, KEY_REVOKE, project=None, tenant_id=None)
    record(
        actor,
        KEY_REVOKE.name,
        tenant=key.user.tenant,
        name=key.name,
        target_id=key.uid,
        args={"user": key.user.username},
    )
    key.delete()
