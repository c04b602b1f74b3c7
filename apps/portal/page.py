"""The base of every page behind the login."""

from __future__ import annotations

from functools import cached_property
from typing import Any, cast

from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.utils.encoding import iri_to_uri
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.views import View

from apps.accounts.rights import Rights
from apps.lifecycle.actor import Actor
from apps.lifecycle.errors import Forbidden, NotFound
from apps.portal.kinds import Text


class Page(View):
    """`admin` is set per route: the same class serves the tenant's page and, with more columns, the admin's."""

    admin: bool = False
    title: Text = ""
    template_name: str = ""
    #: Whether it is opened only to who has proved a moment ago that it is them.
    sensitive: bool = False

    @property
    def actor(self) -> Actor:
        """Who asks."""
        return cast(Actor, self.request.actor)  # type: ignore[attr-defined]

    @property
    def area(self) -> str:
        """URL namespace of the portal this page is in."""
        return "admin" if self.admin else "portal"

    @cached_property
    def rights(self) -> Rights:
        """What the asker may do."""
        return Rights(self.actor)

    @property
    def is_part(self) -> bool:
        """Whether only a part of the page is wanted, by htmx or by the live module."""
        return "HX-Request" in self.request.headers

    @property
    def needs_proof(self) -> bool:
        """Whether only somebody who has proved a moment ago who they are may open it."""
        return self.sensitive

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Let in who belongs here."""
        turned_away = self._gate(request)
        return turned_away if turned_away is not None else super().dispatch(request, *args, **kwargs)

    def show(self, context: dict[str, Any], template: str = "", status: int = 200) -> HttpResponse:
        """Render the page's template."""
        context = {"page": self, "title": self.title, "area": self.area, **context}
        return render(self.request, template or self.template_name, context, status=status)

    def go(self, url: str) -> HttpResponse:
        """Lead the browser to another page, from a form or from htmx."""
        return led_to(self.request, url)

    def _gate(self, request: HttpRequest) -> HttpResponse | None:
        request.area = self.area  # type: ignore[attr-defined]
        if not request.user.is_authenticated:
            if "HX-Request" in request.headers:
                return HttpResponse(status=204, headers={"HX-Refresh": "true"})
            return redirect_to_login(request.get_full_path())
        if self.admin and not self.actor.is_admin:
            raise NotFound(_("Page not found."))
        if self.admin and self.actor.tenant is not None:
            raise Forbidden(
                _("You are acting as %(tenant)s.") % {"tenant": self.actor.tenant.name},
                hint=_("Stop acting as the tenant to see the administration."),
            )
        if not self.admin and self.actor.tenant is None:
            # An admin follows a tenant's link: the same page stands in the administration.
            return HttpResponseRedirect(f"/admin{request.get_full_path()}")
        if self.needs_proof and not self.actor.recent:
            return lead_to_proof(request, request.get_full_path())
        return None


def lead_to_proof(request: HttpRequest, onward: str) -> HttpResponse:
    """Lead to where the user proves who they are, and from there to `onward`."""
    area = "admin" if getattr(request, "area", "") == "admin" else "portal"
    url = f"{reverse(f'{area}:account.confirm')}?{urlencode({'next': onward})}"
    return led_to(request, url)


def led_to(request: HttpRequest, url: str) -> HttpResponse:
    """Lead the browser to another page, from a form or from htmx. `url` may be what somebody sent."""
    if "HX-Request" in request.headers:
        # Encoded as Django does for Location: a header holds neither line breaks nor other than ASCII.
        return HttpResponse(status=204, headers={"HX-Redirect": iri_to_uri(url)})
    return HttpResponseRedirect(url)
