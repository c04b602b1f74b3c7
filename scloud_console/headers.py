"""What every answer tells the browser, beside Django's own and the content security policy: see settings.py."""

from __future__ import annotations

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse

Handler = Callable[[HttpRequest], HttpResponse]

#: Pages use passkeys, the clipboard and the full screen; nothing else of a device, here or in what they embed.
_OWN = (
    "clipboard-read",
    "clipboard-write",
    "fullscreen",
    "publickey-credentials-create",
    "publickey-credentials-get",
)
_NONE = (
    "accelerometer",
    "autoplay",
    "bluetooth",
    "camera",
    "display-capture",
    "geolocation",
    "gyroscope",
    "hid",
    "magnetometer",
    "microphone",
    "midi",
    "payment",
    "serial",
    "usb",
    "xr-spatial-tracking",
)
PERMISSIONS = ", ".join([*(f"{name}=()" for name in _NONE), *(f"{name}=(self)" for name in _OWN)])
_OURS = {
    "Cache-Control": "no-store",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": PERMISSIONS,
}


def without_middleware() -> dict[str, str]:
    """Return all headers of an answer that no middleware sees; the reverse proxy's own have the same (headers.conf)."""
    strict = {"Strict-Transport-Security": f"max-age={settings.SECURE_HSTS_SECONDS}"}
    return {
        **_OURS,
        "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Referrer-Policy": settings.SECURE_REFERRER_POLICY,
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": settings.X_FRAME_OPTIONS,
        **(strict if settings.SECURE_HSTS_SECONDS else {}),
    }


class ResponseHeadersMiddleware:
    """Nothing is kept in a cache unless what answered says otherwise: static files and the API's public document."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        for name, value in _OURS.items():
            response.headers.setdefault(name, value)
        return response
