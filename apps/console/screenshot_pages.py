"""The picture of a VM's screen on its page: the card, the part that renews itself, and the file."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _

from apps.accounts.access import get_visible
from apps.compute.models import Vm
from apps.console import screenshots
from apps.lifecycle.errors import Forbidden
from apps.portal.detail import DetailPage
from apps.portal.page import Page

#: Seconds until the part asks again: for the first picture, and for a newer one.
SOON, LATER = 2, 20
#: So often a part asks soon, and in all: a page that is left open does not keep its VM's host busy.
MOST_SOON, MOST = 4, 30


def card(page: DetailPage, row: Vm) -> dict[str, Any] | None:
    """Return what the card on a VM's overview shows; None for who may not open the console."""
    return _shown(page, row, 0) if screenshots.may_see(page.actor, row) else None


class ScreenshotPart(Page):
    """The part of the card that renews itself."""

    def get(self, request: HttpRequest, key: UUID) -> HttpResponse:
        """Show the last picture, and have a newer one taken."""
        given = request.GET.get("round", "")
        number = int(given) if given.isdecimal() and len(given) < 4 else 0
        response = self.show(_shown(self, _vm(self, key), number), "console/screenshot_part.html")
        response["Cache-Control"] = "no-store"
        return response


class ScreenshotFile(Page):
    """The last picture."""

    def get(self, request: HttpRequest, key: UUID) -> HttpResponse:
        """Return the file; its address names the picture, so that a browser may keep it. Nothing when there is none."""
        picture = screenshots.latest(_vm(self, key).pk)
        if picture is None:
            return HttpResponse(status=204, headers={"Cache-Control": "no-store"})
        headers = {"Cache-Control": "private, max-age=60", "X-Content-Type-Options": "nosniff"}
        return HttpResponse(picture.png, content_type="image/png", headers=headers)


def _vm(page: Page, key: UUID) -> Vm:
    vm = get_visible(page.actor, Vm.objects.select_related("host"), key)
    if not screenshots.may_see(page.actor, vm):
        raise Forbidden(
            _("Your role does not allow opening the console."),
            hint=_("Ask the account owner for a role that allows this."),
        )
    return vm


def _shown(page: Page, vm: Vm, number: int) -> dict[str, Any]:
    is_on = vm.is_on and vm.host is not None
    in_reach = vm.host is not None and vm.host.in_reach
    picture = screenshots.latest(vm.pk) if is_on else None
    stale = picture is None or not picture.is_fresh
    if is_on and in_reach and stale and number < MOST:
        screenshots.request(vm.pk)
    return {
        "picture": picture,
        "is_on": is_on,
        "in_reach": in_reach,
        "waiting": is_on and in_reach and picture is None and number < MOST_SOON,
        "again": f"{reverse(f'{page.area}:vm.screenshot', args=[vm.pk])}?round={number + 1}"
        if is_on and in_reach and number < MOST
        else "",
        "delay": SOON if stale and number < MOST_SOON else LATER,
        "picture_url": reverse(f"{page.area}:vm.screenshot.file", args=[vm.pk]),
        "console_url": reverse(f"{page.area}:vm.console", args=[vm.pk]),
    }
