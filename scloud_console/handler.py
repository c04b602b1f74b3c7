"""Django's ASGI handler, all of a request's work in one thread."""

from __future__ import annotations

from asgiref.sync import sync_to_async
from django.core.handlers.asgi import ASGIHandler
from django.http import HttpRequest
from django.http.response import HttpResponseBase


class OneThreadHandler(ASGIHandler):
    """Enters a thread once a request. Django's own does so twice for each middleware, since all of ours are sync."""

    def load_middleware(self, is_async: bool = False) -> None:
        """Build the chain as for WSGI."""
        super().load_middleware(is_async=False)

    async def get_response_async(self, request: HttpRequest) -> HttpResponseBase:
        """Run the chain in the request's thread."""
        return await sync_to_async(self.get_response)(request)
