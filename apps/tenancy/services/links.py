"""Rows of linked logins: read, ended. How they come about stands in `linked.py`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from allauth.socialaccount.models import SocialAccount
from django.db.models import QuerySet
from django.utils import timezone

from apps.accounts.models import User
from apps.tenancy.oidc.providers import provider_named

#: For so long the account's pages tell its holder of a new link.
NEW = timedelta(days=30)
#: How a link came about: asked for in a session of the account, or found by the email address.
BY_HOLDER, BY_EMAIL, AS_NEW_USER = "holder", "email", "new_user"


@dataclass(frozen=True)
class Link:
    """A linked login as pages show it."""

    label: str
    known_as: str
    since: datetime
    by_email: bool


def links_of(user: User) -> QuerySet[SocialAccount]:
    """Return the user's logins elsewhere."""
    found: QuerySet[SocialAccount] = SocialAccount.objects.filter(user=user).order_by("pk")
    return found


def shown_links(user: User, *, new_only: bool = False) -> list[Link]:
    """Return them for people; with `new_only`, those that the holder is still to be told of."""
    kept = user.socialaccount_set.all()  # type: ignore[attr-defined]  # allauth publishes no types
    rows = sorted(kept, key=lambda row: int(row.pk))
    if new_only:
        since = timezone.now() - NEW
        # An account that was made by its login knows of that one.
        rows = [r for r in rows if r.date_joined > since and r.extra_data.get("by") != AS_NEW_USER]
    return [_shown(row) for row in rows]


def drop_links(user: User) -> list[str]:
    """End all of the user's linked logins; return the providers' keys. Call in a transaction."""
    rows = links_of(user)
    ended = list(rows.values_list("provider", flat=True))
    rows.delete()
    return ended


def drop_links_beside_password(user: User) -> None:
    """End them where the account has a password: without one they are what the password is to others."""
    if user.has_usable_password():
        drop_links(user)


def _shown(row: SocialAccount) -> Link:
    provider = provider_named(row.provider)
    return Link(
        provider.label if provider else row.provider,
        row.extra_data.get("email") or row.uid,
        row.date_joined,
        row.extra_data.get("by") == BY_EMAIL,
    )
