"""Rate limits of API keys: counted once a request, and said in the head of every answer."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

from apps.accounts.models import ApiKey
from apps.accounts.throttle.rates import TooFast, count_request


def ensure_within_rate(request: HttpRequest, key: ApiKey) -> None:
    """Count a request of the key. Raises TooFast."""
    rate = count_request(key)
    if rate is None:
        return
    request.rate = rate  # type: ignore[attr-defined]  # for the middleware below
    if not rate.admitted:
        raise TooFast(rate)


class RateLimitHeadersMiddleware:
    """Say in answers to API keys how many requests are left."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        rate = getattr(request, "rate", None)
        if rate is not None:
            for name, value in rate.headers.items():
                response.headers[name] = value
        return response
