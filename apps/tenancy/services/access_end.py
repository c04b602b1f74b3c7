"""Ending everything by which somebody gets in: what a reset, a deactivation and a removal have in common."""

from __future__ import annotations

from apps.accounts.models import ApiKey, User
from apps.accounts.throttle.checks import account_key, forgive
from apps.tenancy.services.holding import hold_user
from apps.tenancy.services.links import drop_links
from apps.tenancy.services.sessions import end_sessions


def end_all_access(user: User) -> None:
    """End the user's sessions, API keys, linked logins and what hangs on them.

    Password and factors are the caller's to replace.

    Console tickets of a key go with the key, and running consoles are cut at their next check. Whatever else lets
    somebody in must end here too. Call in a transaction. Raises NotFound when the user has been removed meanwhile.
    """
    hold_user(user)
    end_sessions(user)
    ApiKey.objects.filter(user=user).delete()
    drop_links(user)
    # Whoever manages the account vouches for its next login: delays and trusted devices start again.
    forgive(account_key(user.username))
