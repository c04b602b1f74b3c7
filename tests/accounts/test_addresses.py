"""Where a request comes from: straight, through trusted proxies, and with a forged header."""

from __future__ import annotations

import pytest
from django.http import HttpRequest, HttpResponse
from pytest_django.fixtures import Settings

from apps.accounts.middleware import ClientAddressMiddleware

pytestmark = pytest.mark.requirement("AC-3")


@pytest.mark.parametrize(
    ("peer", "forwarded", "expected"),
    [
        ("198.51.100.4", "", "198.51.100.4"),
        ("198.51.100.4", "203.0.113.9", "198.51.100.4"),
        ("10.0.0.1", "203.0.113.9", "203.0.113.9"),
        ("10.0.0.1", "1.2.3.4, 203.0.113.9", "203.0.113.9"),
        ("10.0.0.1", "1.2.3.4, 203.0.113.9, 10.0.0.2", "203.0.113.9"),
        ("10.0.0.1", "10.0.0.2", "10.0.0.2"),
        ("10.0.0.1", "<script>", "10.0.0.1"),
        ("10.0.0.1", "", "10.0.0.1"),
        ("fd00::1", "2001:db8::7", "2001:db8::7"),
        ("fe80::1%eth0", "", "fe80::1"),
    ],
)
def test_only_what_trusted_proxies_say_is_believed(
    settings: Settings, peer: str, forwarded: str, expected: str
) -> None:
    settings.TRUSTED_PROXIES = ["10.0.0.0/8", "fd00::/8"]
    seen: list[str] = []

    def handle(request: HttpRequest) -> HttpResponse:
        seen.append(request.META["REMOTE_ADDR"])
        return HttpResponse()

    request = HttpRequest()
    request.META = {"REMOTE_ADDR": peer} | ({"HTTP_X_FORWARDED_FOR": forwarded} if forwarded else {})
    ClientAddressMiddleware(handle)(request)
    assert seen == [expected]
