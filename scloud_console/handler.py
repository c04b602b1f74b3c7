"""Django's ASGI handler: a request's work in one thread, and no more of these at once than there are connections."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from asgiref.sync import sync_to_async
from django.conf import settings
from django.core.handlers.asgi import ASGIHandler
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from scloud_console.headers import without_middleware

#: Connections of the pool left to what runs beside requests: WebSockets, pushes.
SPARED = 4
#: Seconds a request waits for its turn at most.
PATIENCE = 30.0
#: Seconds a client has to send a body, the whole of it.
BODY_SECONDS = 30.0
_SLOW = b"""{"type": "about:blank", "status": 408, "code": "body_too_slow", "title": "The body took too long.", \
"hint": "Send it again over a faster connection."}
"""
# What other answers get from middleware, which this one does not pass.
_SLOW_HEADERS = [
    (b"content-type", b"application/problem+json"),
    (b"connection", b"close"),
    *((name.lower().encode(), value.encode()) for name, value in without_middleware().items()),
]


class BodyTooSlow(Exception):
    """The client did not send its body in time."""


def turns(database: dict[str, Any]) -> int:
    """Return how many requests may be at work at once."""
    return max(int(database["OPTIONS"]["pool"]["max_size"]) - SPARED, 1)


class OneThreadHandler(ASGIHandler):
    """Enters a thread once a request. Django's own does so twice for each middleware, since all of ours are sync.

    Requests beyond the pool of database connections wait their turn here. In threads of their own they would only
    hinder those at work, and after a few seconds without a connection be told that the database is gone.
    """

    def __init__(self) -> None:
        super().__init__()
        self._turns = asyncio.Semaphore(turns(settings.DATABASES["default"]))

    async def handle(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer the request; 408 when its body does not come in time."""
        try:
            await super().handle(scope, receive, send)
        except BodyTooSlow:
            await send({"type": "http.response.start", "status": 408, "headers": _SLOW_HEADERS})
            await send({"type": "http.response.body", "body": _SLOW})

    def load_middleware(self, is_async: bool = False) -> None:
        """Build the chain as for WSGI."""
        super().load_middleware(is_async=False)

    async def get_response_async(self, request: HttpRequest) -> HttpResponseBase:
        """Run the chain in the request's thread, when it is its turn; 503 when that does not come."""
        try:
            async with asyncio.timeout(PATIENCE):
                await self._turns.acquire()
        except TimeoutError:
            from apps.portal.errors import unavailable  # needs Django set up

            return unavailable(request)
        try:
            return await sync_to_async(self.get_response)(request)
        finally:
            self._turns.release()

    async def read_body(self, receive: Callable[[], Awaitable[Mapping[str, Any]]]) -> Any:
        """Keep one byte more than is allowed and drop the rest: Django's own keeps on disk whatever is sent.

        Whoever reads the body then finds it too large, as if all of it were there.
        """
        room = (settings.DATA_UPLOAD_MAX_MEMORY_SIZE or 0) + 1

        async def receive_some() -> Mapping[str, Any]:
            nonlocal room
            message = await receive()
            kept = message.get("body", b"")[:room]
            room -= len(kept)
            return {**message, "body": kept} if message["type"] == "http.request" else message

        try:
            async with asyncio.timeout(BODY_SECONDS):
                return await super().read_body(receive_some)
        except TimeoutError:
            raise BodyTooSlow from None
