"""What a provider says about somebody, checked before it is used or kept: type, length, characters."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext as _

from apps.tenancy.oidc.providers import Provider
from apps.tenancy.oidc.refused import OidcRefused

#: Longest claim that is kept. `sub` may have 255 characters (OpenID Connect Core 1.0, 2); the link keeps 191.
LONGEST = {"sub": 191, "email": 254, "preferred_username": 150, "name": 150}
#: Claims that identify somebody: ASCII only, so that nothing looks like something else.
IDENTIFYING = ("sub", "email")


def checked_claims(provider: Provider, claims: dict[str, Any]) -> dict[str, Any]:
    """Return the claims by the names of `Identity`. Raises OidcRefused, naming the claim that is wrong."""
    checked = {name: _checked(provider, name, claims.get(name, "")) for name in LONGEST}
    if not checked["sub"].strip():
        raise _refused(provider, "sub")
    return {
        "subject": checked["sub"],
        "email": checked["email"],
        "email_verified": claims.get("email_verified") is True,
        "username": checked["preferred_username"],
        "name": checked["name"],
    }


def _checked(provider: Provider, name: str, value: Any) -> str:
    if value is None:
        return ""
    fits = isinstance(value, str) and len(value) <= LONGEST[name] and value.isprintable()
    if not fits or (name in IDENTIFYING and not value.isascii()):
        raise _refused(provider, name)
    return str(value)


def _refused(provider: Provider, name: str) -> OidcRefused:
    return OidcRefused(
        _("%(provider)s sent an invalid claim: %(claim)s.") % {"provider": provider.label, "claim": name},
        code="oidc.bad_claims",
        hint=_(
            "Claims must be short printable text; sub and email must be ASCII. Contact the "
            "provider’s administrator."
        ),
    )
