"""API keys (`Authorization: Bearer sk_…`) and, for the portal's own scripts, the session with CSRF."""

from __future__ import annotations

from django.utils.translation import gettext as _
from rest_framework.authentication import BaseAuthentication, SessionAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.permissions import SAFE_METHODS
from rest_framework.request import Request

from apps.accounts.first_steps import password_first
from apps.accounts.keys import account_of, expired_at, find_key
from apps.accounts.log_in_records import note_failure
from apps.accounts.middleware import actor_for
from apps.accounts.models import ApiKey, User
from apps.accounts.throttle.checks import account_key, count_failure, source_of
from apps.api.rate_limit import ensure_within_rate
from apps.api.waiting import waiting_of
from apps.lifecycle.errors import Forbidden

#: How a wrong API key stands in the operation log.
KEY_FAILED = "login.api_key_failed"


class ApiKeyAuthentication(BaseAuthentication):
    def authenticate(self, request: Request) -> tuple[User, ApiKey] | None:
        """Return the key's user. Raises AuthenticationFailed, Throttled, TooFast or Forbidden."""
        scheme, _space, token = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            return None
        key = find_key(token.strip())
        if key is None:
            count_failure(source_of(request._request), account_key(account_of(token.strip())))
            note_failure(request._request, None, KEY_FAILED)
            raise AuthenticationFailed(_why_not(token.strip()))
        waiting = waiting_of(request._request)
        if waiting is None or not waiting.again:  # one that waits was counted when it came
            ensure_within_rate(request._request, key)
        if key.user.must_change_password:
            first = password_first()
            raise Forbidden(first.text, code=first.code, hint=first.hint)
        request._request.actor = actor_for(request._request, key.user, api_key=key)  # type: ignore[attr-defined]
        if key.scope == ApiKey.Scope.READ and request.method not in SAFE_METHODS:
            # Once for all endpoints, whatever each of them checks besides.
            raise Forbidden(_("This API key is read-only."), hint=_("Use an API key with a wider scope."))
        return key.user, key

    def authenticate_header(self, request: Request) -> str:
        """Make a missing login a 401 and not a 403."""
        return "Bearer"


def _why_not(token: str) -> str:
    """Return what is wrong with a key. Only a caller who sent the whole key learns that it has expired."""
    ended = expired_at(token)
    if ended is None:
        return _("The API key is unknown or has been revoked.")
    return _("The API key expired on %(time)s. Create a new key.") % {
        "time": ended.isoformat(timespec="seconds")
    }


class PortalSessionAuthentication(SessionAuthentication):
    """The browser's session; ActorMiddleware has set `request.actor` already."""
