"""Setting up and taking away second factors. The first one comes with recovery codes, the last one takes them along."""

from __future__ import annotations

from typing import Any

from allauth.mfa.models import Authenticator
from django.utils.translation import gettext as _

from apps.accounts.models import User
from apps.accounts.verbs import (
    APP_ADD,
    APP_REMOVE,
    PASSKEY_ADD,
    PASSKEY_REMOVE,
    RECOVERY_CODES_MAKE,
)
from apps.lifecycle.actor import Actor
from apps.lifecycle.errors import Invalid, NotFound, NotNow
from apps.tenancy.factors.codes import STEP, fitting_counter, keep_app, new_recovery_codes, steps_off
from apps.tenancy.factors.passkeys import judge_new, keep_passkey
from apps.tenancy.factors.rows import SECOND, Passkey, factors_of, has_second_factor
from apps.tenancy.services.accounts import clean_name
from apps.tenancy.services.holding import hold_user
from apps.tenancy.services.own_account import OwnChange, changes_own

Kind = Authenticator.Type
MOST_PASSKEYS = 20


@changes_own(APP_ADD)
def add_app(change: OwnChange, secret: str, code: str) -> list[str]:
    """Set up an authenticator app, proved by one of its codes; return recovery codes if there were none.

    Raises Forbidden, NotRecent, or Invalid (field "code").
    """
    user = change.user
    counter = fitting_counter(secret, code)
    if counter is None:
        raise Invalid({"code": [_why_not(secret, code)]})
    keep_app(user, secret, counter)
    change.record()
    return _first_recovery_codes(user)


@changes_own(PASSKEY_ADD)
def add_passkey(change: OwnChange, name: str, state: dict[str, Any] | None, answer: str) -> list[str]:
    """Add the passkey that the browser has made for the challenge in `state`; return recovery codes if there were none.

    Raises Forbidden, NotRecent, NotNow, or Invalid with `name` or `passkey`.
    """
    user = change.user
    name = clean_name(name)
    if Authenticator.objects.filter(user=user, type=Kind.WEBAUTHN).count() >= MOST_PASSKEYS:
        raise NotNow(_("You have %(n)d passkeys, the maximum. Remove one first.") % {"n": MOST_PASSKEYS})
    credential = judge_new(state, answer)
    if credential is None:
        raise Invalid(
            {"passkey": [_("The passkey was not accepted.")]},
            hint=_("Reload this page, then retry."),
        )
    keep_passkey(user, name, credential)
    change.record(passkey=name)
    return _first_recovery_codes(user)


@changes_own(APP_REMOVE)
def remove_app(change: OwnChange) -> None:
    """Take the authenticator app away. Raises Forbidden, NotRecent or NotFound."""
    user = change.user
    if not Authenticator.objects.filter(user=user, type=Kind.TOTP).delete()[0]:
        raise NotFound(_("No authenticator app is set up."))
    _drop_useless_codes(user)
    change.record()


@changes_own(PASSKEY_REMOVE)
def remove_passkey(change: OwnChange, pk: int) -> None:
    """Take a passkey of the actor away. Raises Forbidden, NotRecent or NotFound."""
    user = change.user
    row = Authenticator.objects.filter(user=user, type=Kind.WEBAUTHN, pk=pk).first()
    if row is None:
        raise NotFound(_("Passkey not found."))
    name = row.data["name"]
    row.delete()
    _drop_useless_codes(user)
    change.record(passkey=name)


def own_passkey(actor: Actor, pk: int) -> Passkey:
    """Return one of the actor's passkeys. Raises NotFound."""
    found = [key for key in factors_of(actor.user).passkeys if key.pk == pk] if actor.user else []
    if not found:
        raise NotFound(_("Passkey not found."))
    return found[0]


@changes_own(RECOVERY_CODES_MAKE)
def make_recovery_codes(change: OwnChange) -> list[str]:
    """Return ten new recovery codes, to be shown once; the old ones are void. Raises Forbidden, NotRecent or NotNow."""
    user = change.user
    if not has_second_factor(user):
        raise NotNow(_("Set up an authenticator app or a passkey first."))
    codes = new_recovery_codes(user)
    change.record()
    return codes


def drop_all_factors(user: User) -> None:
    """Take everything away. Raises NotFound, or NotNow when there is nothing. Call in a transaction."""
    hold_user(user)
    if not Authenticator.objects.filter(user=user).delete()[0]:
        raise NotNow(_("Two-factor authentication is not set up."))


def _first_recovery_codes(user: User) -> list[str]:
    if Authenticator.objects.filter(user=user, type=Kind.RECOVERY_CODES).exists():
        return []
    return new_recovery_codes(user)


def _drop_useless_codes(user: User) -> None:
    if not Authenticator.objects.filter(user=user, type__in=SECOND).exists():
        Authenticator.objects.filter(user=user).delete()


def _why_not(secret: str, code: str) -> str:
    """Return why a first code does not fit. Its secret is known to whoever sets it up."""
    off = steps_off(secret, code)
    if not off:
        return _("The code is wrong. Enter the code that the app shows for this entry.")
    minutes = max(1, round(abs(off) * STEP / 60))
    text = (
        _("Your phone’s clock is %(n)s min fast. Correct it, then enter the next code.")
        if off > 0
        else _("Your phone’s clock is %(n)s min slow. Correct it, then enter the next code.")
    )
    return text % {"n": minutes}
