"""API keys (`Authorization: Bearer sk_…`) and, for the portal's own scripts, the session with CSRF."""

from __future__ import annotations

from rest_framework.authentication import BaseAuthentication, SessionAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from apps.tenancy.keys import find_key
from apps.tenancy.middleware import actor_for
from apps.tenancy.models import ApiKey, User


class ApiKeyAuthentication(BaseAuthentication):
    def authenticate(self, request: Request) -> tuple[User, ApiKey] | None:
        """Return the key's user; AuthenticationFailed when the key is unknown or expired."""
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            return None
        key = find_key(token.strip())
        if key is None:
            raise AuthenticationFailed("The API key is unknown or has expired.")
        request._request.actor = actor_for(request._request, key.user, api_key=key)  # type: ignore[attr-defined]
        return key.user, key

    def authenticate_header(self, request: Request) -> str:
        """Make a missing log-in a 401 and not a 403."""
        return "Bearer"


class PortalSessionAuthentication(SessionAuthentication):
    """The browser's session; ActorMiddleware has set `request.actor` already."""
