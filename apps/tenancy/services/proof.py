"""Whether somebody who is logged in knows their password."""

from __future__ import annotations

from django.contrib.auth.hashers import check_password

from apps.accounts.models import User
from apps.accounts.throttle.checks import account_key, check_secret, source_of_actor
from apps.lifecycle.actor import Actor


def is_password(actor: Actor, user: User, password: str) -> bool:
    """Whether this is the user's current password. Call outside a transaction. Raises Throttled.

    Django's `user.check_password` would renew an old hash and thereby end the user's sessions; login does that.
    """
    return check_secret(
        source_of_actor(actor),
        account_key(user.username),
        lambda: check_password(password, user.password),
        costly=True,
    )
