"""The refusal of a login at a provider."""

from __future__ import annotations

from apps.lifecycle.errors import Refused


class OidcRefused(Refused):
    """A login elsewhere that led to none here."""

    status = 403
    code = "oidc.refused"
