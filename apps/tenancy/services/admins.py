"""Platform admins, managed by platform admins."""

from __future__ import annotations

from django.db import transaction
from django.utils.translation import gettext as _

from apps.accounts.access import allow
from apps.accounts.models import User
from apps.accounts.verbs import (
    ADMIN_ACTIVATE,
    ADMIN_CREATE,
    ADMIN_DEACTIVATE,
    ADMIN_END_SESSIONS,
    ADMIN_REMOVE,
    ADMIN_RESET_PASSWORD,
    ADMIN_RESET_TWO_FACTOR,
)
from apps.lifecycle.actor import Actor
from apps.lifecycle.acts import serves
from apps.lifecycle.errors import NotFound, NotNow
from apps.lifecycle.requests import Allowed
from apps.lifecycle.verbs import Verb
from apps.tenancy.services.access_end import end_all_access
from apps.tenancy.services.accounts import generate_password, new_user
from apps.tenancy.services.factors import drop_all_factors
from apps.tenancy.services.holding import hold_admins
from apps.tenancy.services.links import drop_links_beside_password
from apps.tenancy.services.passwords import replace_password
from apps.tenancy.services.sessions import end_sessions


@serves(ADMIN_CREATE)
@transaction.atomic
def create_admin(
    actor: Actor, username: str, *, password: str = "", email: str = "", must_change_password: bool = True
) -> tuple[User, str]:
    """Make an admin. Returns the password, generated unless given, to be shown once. Raises Forbidden or Invalid."""
    allowed = allow(actor, ADMIN_CREATE, project=None, tenant_id=None)
    password = password or generate_password()
    user = new_user(username, password, email=email, must_change=must_change_password, is_platform_admin=True)
    _record(allowed, user)
    return user, password


@serves(ADMIN_DEACTIVATE)
@transaction.atomic
def deactivate_admin(actor: Actor, user: User) -> User:
    """End an admin's sessions and keys for good. Raises Forbidden, NotFound or NotNow."""
    allowed = _begin(actor, ADMIN_DEACTIVATE, user)
    _ensure_another_admin(user)
    if not User.objects.filter(pk=user.pk, is_active=True).update(is_active=False):
        raise NotNow(_("The account is already inactive."))
    _record(allowed, user)
    end_all_access(user)
    user.is_active = False
    return user


@serves(ADMIN_ACTIVATE)
@transaction.atomic
def activate_admin(actor: Actor, user: User) -> User:
    """Give access back. Raises Forbidden, NotFound or NotNow."""
    allowed = _begin(actor, ADMIN_ACTIVATE, user)
    if not User.objects.filter(pk=user.pk, is_active=False).update(is_active=True):
        raise NotNow(_("The account is already active."))
    _record(allowed, user)
    user.is_active = True
    return user


@serves(ADMIN_RESET_PASSWORD)
@transaction.atomic
def reset_admin_password(actor: Actor, user: User) -> str:
    """Return a new password to be shown once and changed at the next login; ends sessions and API keys."""
    allowed = _begin(actor, ADMIN_RESET_PASSWORD, user)
    password = replace_password(user)
    _record(allowed, user)
    return password


@serves(ADMIN_RESET_TWO_FACTOR)
@transaction.atomic
def reset_admin_two_factor(actor: Actor, user: User) -> User:
    """Take away an admin's codes, passkeys and recovery codes; ends sessions and API keys.

    Raises Forbidden, NotRecent, NotFound, or NotNow when there is none.
    """
    allowed = _begin(actor, ADMIN_RESET_TWO_FACTOR, user)
    drop_all_factors(user)
    _record(allowed, user)
    end_all_access(user)
    return user


@serves(ADMIN_END_SESSIONS)
@transaction.atomic
def end_admin_sessions(actor: Actor, user: User) -> User:
    """Log the admin out everywhere, unlink logins unless they are the only way in; API keys stay.

    Raises Forbidden or NotFound.
    """
    allowed = _begin(actor, ADMIN_END_SESSIONS, user)
    end_sessions(user)
    drop_links_beside_password(user)
    _record(allowed, user)
    return user


@serves(ADMIN_REMOVE)
@transaction.atomic
def remove_admin(actor: Actor, user: User) -> None:
    """Delete an admin's login. Raises Forbidden, NotFound or NotNow."""
    allowed = _begin(actor, ADMIN_REMOVE, user)
    if actor.user is not None and actor.user.pk == user.pk:
        raise NotNow(_("You cannot remove yourself."))
    _ensure_another_admin(user)
    _record(allowed, user)
    end_all_access(user)
    user.delete()


def _begin(actor: Actor, verb: Verb, user: User) -> Allowed:
    allowed = allow(actor, verb, project=None, tenant_id=None)
    if not user.is_platform_admin:
        raise NotFound(_("Administrator not found."))
    return allowed


def _ensure_another_admin(user: User) -> None:
    # Locked, so that two admins cannot remove each other at the same time.
    if {admin.pk for admin in hold_admins(user) if admin.is_active} <= {user.pk}:
        raise NotNow(
            _("This is the only active administrator."), hint=_("Create another administrator first.")
        )


def _record(allowed: Allowed, user: User) -> None:
    allowed.record(name=user.username, target_id=user.uid)
