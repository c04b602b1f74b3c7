"""WebSocket routes."""

from channels.routing import URLRouter
from django.urls import URLPattern, URLResolver

websocket_urlpatterns: list[URLPattern | URLResolver | URLRouter] = []
