"""One's own name and e-mail address."""

from __future__ import annotations

from django.db import transaction

from apps.accounts.access import allow
from apps.accounts.models import User
from apps.accounts.single_line import clean_line
from apps.accounts.verbs import PROFILE_EDIT
from apps.audit.record import record
from apps.lifecycle.actor import Actor
from apps.tenancy.services.accounts import clean_email
from apps.tenancy.services.holding import hold_user

MAX_FULL_NAME = 150


@transaction.atomic
def edit_profile(actor: Actor, name: str | None = None, email: str | None = None) -> User:
    """Set what is given of the actor's full name and e-mail address. Raises Forbidden or Invalid."""
    allow(actor, PROFILE_EDIT, project=None, tenant_id=None)
    assert actor.user is not None, "allow() lets nobody else do this"
    user = hold_user(actor.user)
    name = user.first_name if name is None else clean_line("name", name, MAX_FULL_NAME)
    email = user.email if email is None else clean_email(email)
    if email != user.email:
        # Anybody can type any address: from now on nobody is taken for this user because of it.
        user.email, user.email_is_vouched_for = email, False
    user.first_name = name
    user.save(update_fields=["first_name", "email", "email_is_vouched_for"])
    record(actor, PROFILE_EDIT.name, tenant=user.tenant, name=user.username, target_id=user.uid)
    return user
