"""Which pages may open a WebSocket: those of our own hosts."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from channels.security.websocket import WebsocketDenier


class WellFormedOrigin:
    """Denies connections whose `Origin` is no URL: the check that comes next would break on it."""

    def __init__(self, application: Any) -> None:
        self.application = application

    async def __call__(self, scope: Any, receive: Any, send: Any) -> Any:
        origins = [value for name, value in scope["headers"] if name == b"origin"]
        if all(_is_url(origin.decode("latin-1")) for origin in origins):
            return await self.application(scope, receive, send)
        return await WebsocketDenier()(scope, receive, send)


def _is_url(origin: str) -> bool:
    try:
        parts = urlsplit(origin)
        _ = parts.hostname, parts.port
    except ValueError:
        return False
    return True
