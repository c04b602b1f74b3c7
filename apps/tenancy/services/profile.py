"""One's own name and email address."""

from __future__ import annotations

from apps.accounts.models import User
from apps.accounts.single_line import clean_line
from apps.accounts.verbs import PROFILE_EDIT
from apps.tenancy.services.accounts import clean_email
from apps.tenancy.services.own_account import OwnChange, changes_own

MAX_FULL_NAME = 150


@changes_own(PROFILE_EDIT)
def edit_profile(change: OwnChange, name: str | None = None, email: str | None = None) -> User:
    """Set what is given of the actor's full name and email address. Raises Forbidden or Invalid."""
    user = change.user
    name = user.first_name if name is None else clean_line("name", name, MAX_FULL_NAME)
    email = user.email if email is None else clean_email(email)
    if email != user.email:
        # Anybody can type any address: from now on nobody is taken for this user because of it.
        user.email, user.email_is_vouched_for = email, False
    user.first_name = name
    user.save(update_fields=["first_name", "email", "email_is_vouched_for"])
    change.record()
    return user
