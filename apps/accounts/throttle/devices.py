"""The cookie by which a browser is known again that somebody has logged in with. It opens nothing by itself."""

from __future__ import annotations

import secrets
from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from apps.accounts.models import User
from apps.accounts.throttle.checks import DEVICE_COOKIE, Source, account_key, note_log_in
from apps.accounts.throttle.store_protocol import REMEMBERED


def know_again(request: HttpRequest, user: User) -> None:
    """After a login: give the browser a new token, and keep that the account has been here."""
    token = secrets.token_urlsafe(32)
    request.new_device = token  # type: ignore[attr-defined]
    # A new one each time: the one before may have been planted by somebody who knows it.
    note_log_in(Source(request.META.get("REMOTE_ADDR") or "", token), account_key(user.username))


class DeviceCookieMiddleware:
    """Send the token of `know_again`."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        token = getattr(request, "new_device", "")
        if token:
            response.set_cookie(
                DEVICE_COOKIE, token, max_age=REMEMBERED, secure=settings.HTTPS, httponly=True, samesite="Lax"
            )
        return response
