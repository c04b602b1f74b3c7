"""Which representation a caller gets: JSON, also for a caller that names only the media type of errors."""

from __future__ import annotations

from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.request import Request

#: Media type of errors (RFC 9457).
CONTENT_TYPE = "application/problem+json"


class JsonNegotiation(DefaultContentNegotiation):
    """Takes `Accept: application/problem+json` for JSON: errors have that type, other answers are JSON."""

    def get_accept_list(self, request: Request) -> list[str]:
        """Return what the caller accepts."""
        accepted: list[str] = super().get_accept_list(request)
        return [
            each.replace(CONTENT_TYPE, "application/json") if each.startswith(CONTENT_TYPE) else each
            for each in accepted
        ]
