"""What the endpoints of sub-accounts and of admins share."""

from __future__ import annotations

from apps.accounts.models import User
from apps.api.paging import CursorPages


class UserPages(CursorPages):
    """Pages of logins."""

    ordering = ("-date_joined",)


def with_password(user: User, password: str) -> User:
    """Return the user with the new password attached, for the one answer that shows it."""
    user.shown_password = password  # type: ignore[attr-defined]
    return user


def shown_password(user: User) -> str | None:
    """Return what `with_password` attached; None for every other row. The column `password` is a hash."""
    return getattr(user, "shown_password", None)
