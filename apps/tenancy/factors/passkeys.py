"""Passkeys (WebAuthn). What a ceremony must remember between its two halves stands in the session."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

from allauth.mfa.models import Authenticator
from allauth.mfa.webauthn.internal import auth as webauthn
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from fido2.utils import websafe_decode

from apps.tenancy.models import User

Kind = Authenticator.Type

#: How somebody got in, as sessions and the operation log name it.
PASSKEY = "passkey"
# What the JSON of a browser may make allauth and fido2 raise.
_MALFORMED = (ValidationError, ValueError, TypeError, KeyError, AttributeError)


def options_to_add(user: User) -> dict[str, Any]:
    """Return what the browser needs to make a passkey that can stand in for the password as well."""
    return dict(webauthn.begin_registration(user, passwordless=True))


def keep_passkey(user: User, name: str, answer: str) -> Authenticator | None:
    """Make the passkey the browser made the user's; None when its answer does not fit."""
    try:
        credential = json.loads(answer)
        webauthn.complete_registration(credential)
        return Authenticator.objects.get(pk=webauthn.WebAuthn.add(user, name, credential).instance.pk)
    except _MALFORMED:
        return None


def options_to_log_in(user: User | None) -> dict[str, Any]:
    """Return what the browser needs to show a passkey: the user's, or, without one, whichever it has for this site."""
    return dict(webauthn.begin_authentication(user))


def use_passkey(answer: str, user: User | None = None) -> User | None:
    """Return whose passkey the browser has shown, the user's if one is given; None when its answer does not fit."""
    try:
        credential = json.loads(answer)
        owner = user or _owner(credential)
        if owner is None:
            return None
        row = webauthn.complete_authentication(owner, credential)
        counter = webauthn.parse_authentication_response(credential).response.authenticator_data.counter
    except _MALFORMED:
        return None
    return owner if _note_use(row.pk, counter) else None


def _owner(credential: dict[str, Any]) -> User | None:
    handle = websafe_decode(credential["response"]["userHandle"])
    return User.objects.select_related("tenant").filter(uid=UUID(bytes=handle)).first()


@transaction.atomic
def _note_use(pk: int, counter: int) -> bool:
    """Count up; a counter that stands still or goes back comes from a copy. Passkeys that never count say 0."""
    row = Authenticator.objects.select_for_update().get(pk=pk)
    before = row.data.get("counter", 0)
    if (counter or before) and counter <= before:
        return False
    row.data["counter"], row.last_used_at = counter, timezone.now()
    row.save(update_fields=["data", "last_used_at"])
    return True
