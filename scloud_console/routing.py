"""WebSocket routes."""

from typing import Any

from django.urls import path

from apps.portal.consumers import PageConsumer

websocket_urlpatterns: list[Any] = [path("ws/page/", PageConsumer.as_asgi())]  # type: ignore[arg-type]
