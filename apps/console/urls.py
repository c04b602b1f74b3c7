from django.urls import URLPattern, path

from apps.api.offered import offer
from apps.api.routes import routes
from apps.console.api import ConsoleTicketApi
from apps.console.pages import ConsolePage
from apps.console.screenshot_pages import ScreenshotFile, ScreenshotPart
from apps.console.verbs import VM_CONSOLE

offer(VM_CONSOLE)
api_routes = [
    *routes("console-tickets", ConsoleTicketApi),
    path(
        "console-tickets/<id:key>/credentials",
        ConsoleTicketApi.as_view({"post": "post_credentials"}),
        name="console-tickets-credentials",
    ),
    path("vms/<id:key>/console", ConsoleTicketApi.as_view({"post": "post_console"}), name="vms-console"),
]


def _patterns(*, admin: bool) -> list[URLPattern]:
    return [
        path("vms/<uuid:key>/console/", ConsolePage.as_view(admin=admin), name="vm.console"),
        path("vms/<uuid:key>/screenshot/", ScreenshotPart.as_view(admin=admin), name="vm.screenshot"),
        path("vms/<uuid:key>/screenshot.png", ScreenshotFile.as_view(admin=admin), name="vm.screenshot.file"),
    ]


tenant_patterns = _patterns(admin=False)
admin_patterns = _patterns(admin=True)
