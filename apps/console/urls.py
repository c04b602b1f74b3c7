from django.urls import path

from apps.api.offered import offer
from apps.api.views import routes
from apps.console.api import ConsoleTicketApi
from apps.console.pages import ConsolePage
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

tenant_patterns = [
    path("vms/<uuid:key>/console/", ConsolePage.as_view(), name="vm.console"),
]

admin_patterns = [
    path("vms/<uuid:key>/console/", ConsolePage.as_view(admin=True), name="vm.console"),
]
