"""What allauth asks us about factors: how secrets are kept, who we are, who the user is."""

from __future__ import annotations

from typing import Any, cast

from allauth.core import context
from allauth.mfa.adapter import DefaultMFAAdapter
from django.contrib.auth.models import AbstractBaseUser

from apps.accounts.models import User
from apps.accounts.secrets import seal, unseal

ISSUER = "SCloudStack"


class FactorAdapter(DefaultMFAAdapter):  # type: ignore[misc]  # allauth publishes no types
    def encrypt(self, text: str) -> str:
        """Seal a secret with the installation's field key."""
        return seal(text)

    def decrypt(self, encrypted_text: str) -> str:
        """Open it."""
        return unseal(encrypted_text)

    def get_totp_issuer(self) -> str:
        """Return what authenticator apps show above the code."""
        return ISSUER

    def get_totp_label(self, user: AbstractBaseUser) -> str:
        """Return the account as authenticator apps show it."""
        return f"{ISSUER}:{user.get_username()}"

    def get_public_key_credential_rp_entity(self) -> dict[str, str]:
        """Return the name passkeys are bound to: the one the site is served under."""
        return {"id": context.request.get_host().partition(":")[0], "name": ISSUER}

    def get_public_key_credential_user_entity(self, user: AbstractBaseUser) -> dict[str, Any]:
        """Return whom a passkey belongs to. The id is all that a passkey gives away later: no name, no number."""
        name = user.get_username()
        return {"id": cast(User, user).uid.bytes, "display_name": name, "name": name}
