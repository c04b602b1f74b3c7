"""Where a browser finds the console proxy."""

from __future__ import annotations

from urllib.parse import urlsplit

from django.conf import settings
from django.http import HttpRequest


def proxy_origin(request: HttpRequest) -> str:
    """Return the WebSocket origin of the proxy: the page's own host, on the proxy's port if it has one of its own."""
    scheme = "wss" if request.is_secure() else "ws"
    host = request.get_host()
    if settings.CONSOLE_PROXY_PORT:
        name = urlsplit(f"//{host}").hostname or ""
        host = f"[{name}]" if ":" in name else name
        host = f"{host}:{settings.CONSOLE_PROXY_PORT}"
    return f"{scheme}://{host}"


def websocket_url(request: HttpRequest, token: str) -> str:
    """Return the address at which the token is redeemed."""
    return f"{proxy_origin(request)}/console-proxy/?token={token}"
