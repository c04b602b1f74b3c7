"""Codes of authenticator apps (TOTP, RFC 6238) and recovery codes."""

from __future__ import annotations

import time

from allauth.core.internal.cryptokit import compare_user_code
from allauth.mfa.adapter import get_adapter
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import (
    TOTP,
    format_hotp_value,
    generate_totp_secret,
    hotp_value,
    yield_hotp_counters_from_time,
)
from allauth.mfa.utils import decrypt
from django.db import transaction
from django.utils import timezone
from django.utils.safestring import SafeString, mark_safe

from apps.accounts.models import User

Kind = Authenticator.Type

#: Seconds of a step, and how many steps a wrong clock is recognised by: an hour.
STEP, MOST_STEPS_OFF = 30, 120

#: How somebody got in, as sessions and the operation log name it.
APP, RECOVERY = "app", "recovery"


def new_secret() -> str:
    """Return a secret of 160 bits in base 32."""
    return str(generate_totp_secret())


def qr_code(user: User, secret: str) -> SafeString:
    """Return the secret as a QR code for authenticator apps: inline SVG made of nothing but paths."""
    adapter = get_adapter()
    svg: str = adapter.build_totp_svg(adapter.build_totp_url(user, secret))
    return mark_safe(svg[svg.index("<svg") :])  # noqa: S308  # holds no text, only the drawing


def fitting_counter(secret: str, code: str) -> int | None:
    """Return the 30-second step whose code this is, among the present one and its two neighbours."""
    for counter in yield_hotp_counters_from_time():
        if compare_user_code(actual=code, expected=format_hotp_value(hotp_value(secret, counter))):
            return int(counter)
    return None


def steps_off(secret: str, code: str) -> int:
    """Return how many 30-second steps a code is ahead (or, negative, behind), of those near; 0 for none of them.

    For people whose telephone's clock is wrong.
    """
    now = int(time.time()) // STEP
    for distance in range(1, MOST_STEPS_OFF + 1):
        for off in (-distance, distance):
            if compare_user_code(actual=code, expected=format_hotp_value(hotp_value(secret, now + off))):
                return off
    return 0


def is_late(user: User, code: str) -> bool:
    """Whether a code was valid some minutes ago. Future codes are not reported: they could still be used."""
    row = Authenticator.objects.filter(user=user, type=Kind.TOTP).first()
    return row is not None and steps_off(decrypt(row.data["secret"]), code) < 0


def keep_app(user: User, secret: str, counter: int) -> None:
    """Make an authenticator app the user's, replacing an earlier one. `counter`: the step that proved it, thus used."""
    Authenticator.objects.filter(user=user, type=Kind.TOTP).delete()
    row = TOTP.activate(user, secret).instance
    row.data["used_step"] = counter
    row.save(update_fields=["data"])


def new_recovery_codes(user: User) -> list[str]:
    """Return ten fresh recovery codes; earlier ones open nothing any more."""
    Authenticator.objects.filter(user=user, type=Kind.RECOVERY_CODES).delete()
    return [str(code) for code in RecoveryCodes.activate(user).generate_codes()]


def recovery_codes_left(user: User) -> int | None:
    """Return how many recovery codes are unused; None when there never were any."""
    row = Authenticator.objects.filter(user=user, type=Kind.RECOVERY_CODES).first()
    return len(row.wrap().get_unused_codes()) if row is not None else None


@transaction.atomic
def use_code(user: User, code: str) -> str:
    """Take a code of the app or a recovery code; return which it was, "" when it fits nothing or was used before."""
    rows = Authenticator.objects.select_for_update().filter(
        user=user, type__in=(Kind.TOTP, Kind.RECOVERY_CODES)
    )
    for row in rows:
        taken = _take_app_code(row, code) if row.type == Kind.TOTP else row.wrap().validate_code(code)
        if taken:
            Authenticator.objects.filter(pk=row.pk).update(last_used_at=timezone.now())
            return APP if row.type == Kind.TOTP else RECOVERY
    return ""


def _take_app_code(row: Authenticator, code: str) -> bool:
    step = fitting_counter(decrypt(row.data["secret"]), code)
    # Steps only go forward: whoever looks over a shoulder cannot use the same code again.
    if step is None or step <= row.data.get("used_step", 0):
        return False
    row.data["used_step"] = step
    row.save(update_fields=["data"])
    return True
