"""Which factors a user has."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from allauth.mfa.models import Authenticator

from apps.accounts.models import User
from apps.accounts.platform_settings import REQUIRE_ADMIN_TWO_FACTOR
from apps.tenancy.factors.codes import recovery_codes_left

Kind = Authenticator.Type
SECOND = (Kind.TOTP, Kind.WEBAUTHN)


@dataclass(frozen=True)
class Passkey:
    pk: int
    name: str
    created_at: datetime
    last_used_at: datetime | None


@dataclass(frozen=True)
class Factors:
    """app: when the authenticator app was set up and last used. codes_left: recovery codes; None: never made."""

    app_since: datetime | None = None
    app_used: datetime | None = None
    passkeys: list[Passkey] = field(default_factory=list)
    codes_left: int | None = None

    @property
    def on(self) -> bool:
        """Whether the password alone is not enough."""
        return self.app_since is not None or bool(self.passkeys)


def factors_of(user: User) -> Factors:
    """Return what the security page shows."""
    rows = list(Authenticator.objects.filter(user=user, type__in=SECOND).order_by("pk"))
    app = next((row for row in rows if row.type == Kind.TOTP), None)
    passkeys = [
        Passkey(row.pk, row.data["name"], row.created_at, row.last_used_at)
        for row in rows
        if row.type == Kind.WEBAUTHN
    ]
    return Factors(
        app.created_at if app else None,
        app.last_used_at if app else None,
        passkeys,
        recovery_codes_left(user) if rows else None,
    )


def has_second_factor(user: User) -> bool:
    """Whether a login of the user has a second step."""
    return bool(Authenticator.objects.filter(user=user, type__in=SECOND).exists())


def must_enrol(user: User) -> bool:
    """Whether the user may do nothing before setting up a second factor."""
    return user.is_platform_admin and REQUIRE_ADMIN_TWO_FACTOR.value() and not has_second_factor(user)
