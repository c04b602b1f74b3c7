"""API keys of the actor; a tenant's owner may revoke those of its sub-accounts."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from apps.accounts.access import allow
from apps.accounts.keys import issue_key
from apps.accounts.models import ApiKey
from apps.accounts.scopes import SCOPES, scopes_of_child
from apps.accounts.verbs import KEY_DERIVE, KEY_ISSUE, KEY_REVOKE
from apps.lifecycle.actor import Actor
from apps.lifecycle.acts import serves
from apps.lifecycle.errors import Forbidden, Invalid
from apps.tenancy.services.accounts import clean_name
from apps.tenancy.services.holding import hold_user


@serves(KEY_ISSUE, KEY_DERIVE)
@transaction.atomic
def issue_own_key(
    actor: Actor,
    name: str,
    scope: str,
    expires_at: datetime | None = None,
    requests_per_minute: int | None = None,
) -> tuple[ApiKey, str]:
    """Make a key for the actor and return it with its token, which cannot be shown again.

    A person proves it first (KEY_ISSUE). A key with the scope `accounts` makes keys too (KEY_DERIVE): not wider than
    itself, not for longer, and they end with it. Raises Forbidden, NotRecent or Invalid.
    """
    parent = actor.api_key
    verb = KEY_ISSUE if parent is None else KEY_DERIVE
    allowed = allow(actor, verb, project=None, tenant_id=None)
    assert actor.user is not None, "allow() lets nobody else do this"
    _ensure_possible(scope, expires_at, parent)
    user = hold_user(actor.user)
    if parent is not None:
        parent = _still_there(parent)
        expires_at = _within(parent, expires_at)
        if parent.requests_per_minute is not None:
            requests_per_minute = min(
                requests_per_minute or parent.requests_per_minute, parent.requests_per_minute
            )
    key, token = issue_key(
        user, clean_name(name), scope, expires_at, parent=parent, requests_per_minute=requests_per_minute
    )
    args = {"scope": scope} | ({"made_with": parent.name} if parent else {})
    allowed.record(tenant=user.tenant, name=key.name, target_id=key.uid, args=args)
    return key, token


@serves(KEY_REVOKE)
@transaction.atomic
def revoke_key(actor: Actor, key: ApiKey) -> None:
    """End a key, and those made with it, at once. Raises Forbidden.

    The caller has found the key among those the actor may see.
    """
    allowed = allow(actor, KEY_REVOKE, project=None, tenant_id=None)
    hold_user(key.user)
    args = {"user": key.user.username}
    for each in (key, *key.children.all()):
        allowed.record(tenant=key.user.tenant, name=each.name, target_id=each.uid, args=args)
    key.delete()


def _ensure_possible(scope: str, expires_at: datetime | None, parent: ApiKey | None) -> None:
    if scope not in SCOPES:
        raise Invalid({"scope": [_("Choose one of: %(scopes)s.") % {"scopes": ", ".join(SCOPES)}]})
    if parent is not None and scope not in (within := scopes_of_child(parent.scope)):
        text = _("Scopes allowed for keys created with this key: %(scopes)s.") % {"scopes": ", ".join(within)}
        raise Invalid({"scope": [text]}, hint=_("Log in to the portal to create other keys."))
    if expires_at is not None and expires_at <= timezone.now():
        raise Invalid({"expires_at": [_("This time is in the past.")]})


def _still_there(parent: ApiKey) -> ApiKey:
    """Return the parent as it is now, its user being held: a key that was revoked meanwhile makes no other."""
    held = ApiKey.objects.filter(pk=parent.pk).first()
    if held is None:
        raise Forbidden(_("This API key is revoked."))
    return held


def _within(parent: ApiKey, expires_at: datetime | None) -> datetime | None:
    if parent.expires_at is None:
        return expires_at
    return min(expires_at or parent.expires_at, parent.expires_at)
