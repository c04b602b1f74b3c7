"""HTTP by Django, WebSockets by Channels."""

import os

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "scloud_console.settings")
django.setup(set_prefix=False)

from scloud_console.handler import OneThreadHandler  # noqa: E402

http = OneThreadHandler()

from channels.auth import AuthMiddlewareStack  # noqa: E402
from channels.routing import ProtocolTypeRouter, URLRouter  # noqa: E402
from channels.security.websocket import AllowedHostsOriginValidator  # noqa: E402

from scloud_console.origins import WellFormedOrigin  # noqa: E402
from scloud_console.routing import websocket_urlpatterns  # noqa: E402
from scloud_console.waiting import WaitingRequests  # noqa: E402

application = ProtocolTypeRouter(
    {
        "http": WaitingRequests(http),
        "websocket": WellFormedOrigin(
            AllowedHostsOriginValidator(AuthMiddlewareStack(URLRouter(websocket_urlpatterns)))
        ),
    }
)
