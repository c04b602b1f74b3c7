"""Passkeys (WebAuthn). What a ceremony keeps between its two halves stands in the session, bound to its purpose."""

from __future__ import annotations

import json
import logging
from ipaddress import ip_address
from typing import Any
from uuid import UUID

from allauth.mfa.models import Authenticator
from allauth.mfa.webauthn.internal import auth as webauthn
from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import HttpRequest, JsonResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from fido2.utils import websafe_decode
from fido2.webauthn import AuthenticatorData, ResidentKeyRequirement, UserVerificationRequirement

from apps.accounts.models import User
from apps.tenancy import ceremonies
from apps.tenancy.ceremonies import Purpose

log = logging.getLogger(__name__)
Kind = Authenticator.Type

#: How somebody got in, as sessions and the operation log name it.
PASSKEY = "passkey"
#: Where the passkey replaces the password, the device must have checked its user (PIN, finger, face). As the second
#: step after a password, having the device is enough.
VERIFIED = {Purpose.PASSKEY_LOG_IN, Purpose.PASSKEY_CONFIRM, Purpose.PASSKEY_ADD}
#: A browser's answer takes about one kilobyte.
MAX_ANSWER = 20_000
# What the JSON of a browser may make allauth and fido2 raise.
_MALFORMED = (ValidationError, ValueError, TypeError, KeyError, AttributeError, RecursionError)


def reason_against(request: HttpRequest) -> str:
    """Return why there can be no passkeys at the address the page is open at; "" when there can."""
    host = request.get_host().removeprefix("[").partition("]")[0]
    for name in (host, host.partition(":")[0]):
        try:
            ip_address(name)
        except ValueError:
            continue
        return _("Passkeys need a hostname. This page is open at an IP address (%(address)s).") % {
            "address": name
        }
    return ""


def refused_here(request: HttpRequest) -> JsonResponse | None:
    """Return the answer to a page that asks for options where there can be no passkeys."""
    reason = reason_against(request)
    body = {"code": "passkey.needs_host_name", "title": reason}
    return JsonResponse(body, status=409) if reason else None


def options_to_add(request: HttpRequest, user: User) -> dict[str, Any]:
    """Return what the browser needs to make a passkey that can stand in for the password as well."""
    options, state = webauthn.get_server().register_begin(
        user=webauthn.build_user_payload(user),
        credentials=webauthn.get_credentials(user),
        resident_key_requirement=ResidentKeyRequirement.REQUIRED,
        user_verification=UserVerificationRequirement.REQUIRED,
        extensions=webauthn.EXTENSIONS,
    )
    ceremonies.begin(request.session, Purpose.PASSKEY_ADD, user, state)
    return dict(options)


def judge_new(state: dict[str, Any] | None, answer: str) -> dict[str, Any] | None:
    """Return the new passkey as the browser describes it; None when it does not answer the challenge."""
    try:
        credential = _parsed(answer)
        data = webauthn.get_server().register_complete(_started(state), credential)
        _ensure_verified(Purpose.PASSKEY_ADD, data)
    except _MALFORMED:
        return None
    return credential


def keep_passkey(user: User, name: str, credential: dict[str, Any]) -> Authenticator:
    """Make it the user's."""
    return Authenticator.objects.get(pk=webauthn.WebAuthn.add(user, name, credential).instance.pk)


def options_to_show(request: HttpRequest, purpose: Purpose, user: User | None) -> dict[str, Any]:
    """Return what the browser needs to show a passkey: the user's, or, without one, whichever it has for this site."""
    wanted = UserVerificationRequirement.PREFERRED
    if purpose in VERIFIED:
        wanted = UserVerificationRequirement.REQUIRED
    options, state = webauthn.get_server().authenticate_begin(
        credentials=webauthn.get_credentials(user) if user is not None else [],
        user_verification=wanted,
    )
    ceremonies.begin(request.session, purpose, user, state)
    return dict(options)


def owner_of(answer: str) -> User | None:
    """Return whose passkey an answer claims to be. Nothing is proved by that."""
    try:
        handle = websafe_decode(_parsed(answer)["response"]["userHandle"])
        return User.objects.select_related("tenant").filter(uid=UUID(bytes=handle)).first()
    except _MALFORMED:
        return None


def judge_passkey(state: dict[str, Any] | None, purpose: Purpose, user: User, answer: str) -> bool:
    """Whether the answer shows one of the user's passkeys, for the challenge of the ceremony."""
    try:
        credential = _parsed(answer)
        used = webauthn.get_server().authenticate_complete(
            _started(state), webauthn.get_credentials(user), credential
        )
        row = webauthn.get_authenticator_by_credential_id(user, used.credential_id)
        data = webauthn.parse_authentication_response(credential).response.authenticator_data
        _ensure_verified(purpose, data)
    except _MALFORMED:
        return False
    return row is not None and _note_use(row.pk, data.counter)


def _parsed(answer: str) -> dict[str, Any]:
    if len(answer) > MAX_ANSWER:
        raise ValueError("too long to be an answer")
    return dict(json.loads(answer))


def _started(state: dict[str, Any] | None) -> dict[str, Any]:
    if not state:
        raise ValueError("no such ceremony was started here")
    return state


def _ensure_verified(purpose: Purpose, data: AuthenticatorData) -> None:
    # fido2 checks it by what the state says; the purpose says it once more, whatever the state came from.
    if purpose in VERIFIED and not data.is_user_verified():
        raise ValueError("the device has not checked its user")


@transaction.atomic
def _note_use(pk: int, counter: int) -> bool:
    """Count up; a counter that stands still or goes back comes from a copy. Passkeys that never count say 0."""
    row = Authenticator.objects.select_for_update().get(pk=pk)
    before = row.data.get("counter", 0)
    if (counter or before) and counter <= before:
        log.warning("passkey %s shows counter %s after %s: it may have been copied", pk, counter, before)
        return False
    row.data["counter"], row.last_used_at = counter, timezone.now()
    row.save(update_fields=["data", "last_used_at"])
    return True
