"""The refusal of a log-in at a provider."""

from __future__ import annotations

from apps.lifecycle.errors import Refused


class OidcRefused(Refused):
    """A log-in elsewhere that led to none here."""

    status = 403
    code = "oidc.refused"
