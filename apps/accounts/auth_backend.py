"""Who may log in, asked again with every request of a session."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.backends import ModelBackend

from apps.accounts.models import User


class AccountBackend(ModelBackend):
    """Passwords as Django checks them, for active users of enabled tenants.

    Django loads a session's user through `get_user`, for pages and WebSockets alike, so that deactivating a user or
    disabling a tenant ends its sessions with the very next request.
    """

    def get_user(self, user_id: Any) -> User | None:
        """Return the session's user with the tenant, in one query; None when the account may not be used."""
        user = User.objects.select_related("tenant").filter(pk=user_id).first()
        return user if user is not None and self.user_can_authenticate(user) else None

    def user_can_authenticate(self, user: Any) -> bool:
        """Whether the account may be used now."""
        return usable(user)


def usable(user: User) -> bool:
    """Whether the user is active, and of no tenant or an enabled one."""
    return user.is_active and (user.tenant is None or user.tenant.enabled)
