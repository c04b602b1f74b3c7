"""Passwords of logins. A new password ends all of the user's other sessions: they carry a hash of the old one."""

from __future__ import annotations

from django.utils.translation import gettext as _

from apps.accounts.access import allow
from apps.accounts.models import User
from apps.accounts.verbs import LOG_IN_FAILED, PASSWORD_CHANGE
from apps.audit.record import record
from apps.lifecycle.actor import Actor
from apps.lifecycle.errors import Invalid, NotNow
from apps.tenancy.services.access_end import end_all_access
from apps.tenancy.services.accounts import check_password_strength, generate_password
from apps.tenancy.services.own_account import OwnChange, changes_own
from apps.tenancy.services.proof import is_password
from apps.tenancy.services.sessions import end_sessions

#: How a wrong current password stands in the operation log.
CHANGE_FAILED = "login.password_change_failed"


def change_own_password(actor: Actor, current: str, new: str) -> User:
    """Change the actor's own password. Call outside a transaction: a wrong current password is kept in the log.

    Raises Forbidden, Throttled, or Invalid with the field `current` or `new`.
    """
    prove_current(actor, current)
    return set_own_password(actor, current, new)


def prove_current(actor: Actor, current: str) -> None:
    """Raise Invalid (field `current`), Forbidden or Throttled unless it is the actor's password; keep a failure."""
    allow(actor, PASSWORD_CHANGE, project=None, tenant_id=None)
    assert actor.user is not None, "allow() lets nobody else do this"
    user = actor.user
    if not is_password(actor, user, current):
        record(
            actor,
            LOG_IN_FAILED.name,
            tenant=user.tenant,
            name=user.username,
            target_id=user.uid,
            outcome=CHANGE_FAILED,
        )
        raise Invalid({"current": [_("Incorrect current password.")]})


@changes_own(PASSWORD_CHANGE)
def set_own_password(change: OwnChange, current: str, new: str) -> User:
    """Set it, `current` having been proved. Raises NotNow, or Invalid with the field `new`."""
    user, known = change.user, change.actor.user
    if known is None or user.password != known.password:
        raise NotNow(_("The password was just changed."), hint=_("Log in again."))
    if current == new:
        raise Invalid({"new": [_("Choose a password different from the current one.")]})
    check_password_strength(new, user, field="new")
    user.set_password(new)
    user.must_change_password = False
    user.save(update_fields=["password", "must_change_password"])
    change.record()
    end_sessions(user, but=change.actor.session)
    return user


def replace_password(user: User) -> str:
    """Give the user a generated password that must be changed at the next login, and return it.

    Everything else that lets the user in ends: whoever asks for a reset may have lost more than the password.
    """
    password = generate_password()
    user.set_password(password)
    user.must_change_password = True
    user.save(update_fields=["password", "must_change_password"])
    end_all_access(user)
    return password
