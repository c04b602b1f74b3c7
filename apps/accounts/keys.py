"""API keys: made, shown once, found again by prefix and hash."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from datetime import datetime, timedelta

from django.db.models import Q
from django.utils import timezone

from apps.accounts.auth_backend import usable
from apps.accounts.models import ApiKey, User

PREFIX = "sk_"
MAX_PREFIX = 16
#: `last_used_at` is written at most this often, so that reading does not mean writing.
USE_RESOLUTION = timedelta(minutes=5)


def issue_key(
    user: User,
    name: str,
    scope: str,
    expires_at: datetime | None,
    *,
    parent: ApiKey | None = None,
    requests_per_minute: int | None = None,
) -> tuple[ApiKey, str]:
    """Create a key and return it with its token, which is not kept and cannot be shown again."""
    prefix, secret = secrets.token_hex(6), secrets.token_urlsafe(32)
    key = ApiKey.objects.create(
        user=user,
        name=name,
        scope=scope,
        expires_at=expires_at,
        prefix=prefix,
        secret_hash=_hash(secret),
        parent=parent,
        requests_per_minute=requests_per_minute,
    )
    return key, f"{PREFIX}{prefix}_{secret}"


def find_key(token: str) -> ApiKey | None:
    """Return the valid key of a token, its user active and the tenant enabled; None otherwise."""
    if not token.startswith(PREFIX) or "\0" in token:  # which PostgreSQL keeps in no text
        return None
    prefix, _, secret = token.removeprefix(PREFIX).partition("_")
    now = timezone.now()
    key = (
        ApiKey.objects.select_related("user__tenant", "parent")
        .filter(Q(expires_at__isnull=True) | Q(expires_at__gt=now), prefix=prefix)
        .first()
    )
    if key is None or not hmac.compare_digest(key.secret_hash, _hash(secret)) or not usable(key.user):
        return None
    if key.last_used_at is None or now - key.last_used_at > USE_RESOLUTION:
        ApiKey.objects.filter(pk=key.pk).update(last_used_at=now)
    return key


def expired_at(token: str) -> datetime | None:
    """Return when the key of a whole token expired; None for one that is wrong, or has not expired."""
    if not token.startswith(PREFIX) or "\0" in token:
        return None
    prefix, _, secret = token.removeprefix(PREFIX).partition("_")
    key = ApiKey.objects.filter(expires_at__lte=timezone.now(), prefix=prefix).first()
    return key.expires_at if key and hmac.compare_digest(key.secret_hash, _hash(secret)) else None


def account_of(token: str) -> str:
    """Return what stands for the claimed key in counters of failures."""
    return f"key {token.removeprefix(PREFIX).partition('_')[0][:MAX_PREFIX]}"


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
