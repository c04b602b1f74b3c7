"""The page with the screen. It opens in a tab of its own."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _

from apps.accounts.access import get_visible, may
from apps.compute.models import Vm
from apps.compute.pages.vms import VM
from apps.console.addresses import proxy_origin
from apps.console.close_messages import messages
from apps.console.models import TicketKind
from apps.console.verbs import VM_CONSOLE
from apps.lifecycle.errors import Forbidden
from apps.lifecycle.legality import possibility
from apps.lifecycle.selectors import with_open_operations
from apps.portal.page import Page

#: Actions in the bar, as on the VM's page: the same rights, reasons and questions.
POWER = ("start", "shut_down", "restart", "power_off")

#: Offered as buttons: what a browser or the user's own system would keep. Codes as in KeyboardEvent.code.
COMBINATIONS = [
    {"label": label, "codes": codes}
    for label, codes in (
        ("Esc", "Escape"),
        ("Tab", "Tab"),
        ("Ctrl+C", "ControlLeft KeyC"),
        ("Ctrl+D", "ControlLeft KeyD"),
        ("Alt+Tab", "AltLeft Tab"),
        ("Alt+F4", "AltLeft F4"),
        ("Win", "MetaLeft"),
        ("Print", "PrintScreen"),
        ("Ctrl+Alt+F1", "ControlLeft AltLeft F1"),
        ("Ctrl+Alt+F2", "ControlLeft AltLeft F2"),
    )
]


class ConsolePage(Page):
    """A VM's screen."""

    template_name = "console/screen.html"

    def get(self, request: HttpRequest, key: UUID) -> HttpResponse:
        """Show the page; its script asks for a ticket."""
        vm = self._vm(key)
        self.title = vm.name
        context = {
            "vm": vm,
            "list_url": VM.url(self.area, "list"),
            "power": VM.offers(self.rights, vm, self.area, only=POWER),
            "possible": possibility(VM_CONSOLE, vm, None).allowed,
            "settings": self._settings(vm),
            "combinations": COMBINATIONS,
        }
        response = self.show(context)
        # The one page that may open a connection to the proxy.
        response._csp_update = {"connect-src": [proxy_origin(request)]}  # type: ignore[attr-defined]
        return response

    def _vm(self, key: UUID) -> Vm:
        vm = get_visible(self.actor, with_open_operations(Vm.objects.select_related("host")), key)
        if not may(self.actor, VM_CONSOLE, vm.project_id, vm.tenant_id, vm.pk):
            raise Forbidden(
                _("Your role does not allow opening the console."),
                hint=_("Ask the account owner for a role that allows this."),
            )
        return vm

    def _settings(self, vm: Vm) -> dict[str, Any]:
        """What the page's script needs to know."""
        nobody = UUID(int=0)
        return {
            "vm": str(vm.pk),
            "open": reverse("api:vms-console", args=[vm.pk]),
            "ticket": reverse("api:console-tickets-one", args=[nobody]).replace(str(nobody), "{id}"),
            "kinds": {"browser": TicketKind.BROWSER, "native": TicketKind.NATIVE},
            "messages": messages(),
        }
