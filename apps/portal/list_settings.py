"""Forms that keep a list's columns and views."""

from __future__ import annotations

import re

from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _

from apps.lifecycle.errors import Invalid
from apps.portal import saved_views
from apps.portal.models import PAGE_SIZES, ListSetting
from apps.portal.page import Page

LIST_KEY = r"(portal|admin)\.[a-z_]{1,48}"


def known_list(key: str) -> str:
    """Return the key of a list. Raises Invalid for what cannot be one."""
    if not re.fullmatch(LIST_KEY, key):
        raise Invalid({"list": [_("List not found.")]})
    return key


class _ListForm(Page):
    """What both forms send: the list's key, and where to go on."""

    @property
    def list_key(self) -> str:
        """The list meant."""
        return known_list(self.request.POST.get("list", ""))

    def back(self, url: str) -> HttpResponse:
        """Go on to a page of this site."""
        here = url_has_allowed_host_and_scheme(url, allowed_hosts=None) and url.startswith("/")
        return self.go(url if here else "/")


class ListSettingsPage(_ListForm):
    """POST: keep columns, density and page size, or forget them."""

    def post(self, request: HttpRequest) -> HttpResponse:
        """Keep or forget."""
        if request.POST.get("do") == "reset":
            saved_views.forget_setting(self.actor, self.list_key)
        else:
            size, density = request.POST.get("page_size", ""), request.POST.get("density", "")
            saved_views.keep_setting(
                self.actor,
                self.list_key,
                columns=request.POST.getlist("columns"),
                density=density if density in ListSetting.Density else ListSetting.Density.COMFORTABLE,
                page_size=next((each for each in PAGE_SIZES if str(each) == size), None),
            )
        return self.back(request.POST.get("next", ""))


class SavedViewsPage(_ListForm):
    """POST: make, change or delete a view, and say whether the list opens with it."""

    @transaction.atomic
    def post(self, request: HttpRequest) -> HttpResponse:
        """Do it, and show the list with the view."""
        given = request.POST
        view_id = given.get("view", "")
        number = int(view_id) if view_id.isdecimal() and len(view_id) < 10 else None
        path = given.get("path", "")
        if given.get("do") == "delete" and number is not None:
            saved_views.own_view(self.actor, self.list_key, number).delete()
            return self.back(f"{path}?view=all")
        view = saved_views.view_to_use(self.actor, self.list_key, number)
        if view is None or view.user == self.actor.user:
            view = saved_views.write_view(
                self.actor,
                self.list_key,
                view,
                name=given.get("name", ""),
                query=given.get("query", ""),
                columns=given.getlist("columns"),
                shared="shared" in given,
            )
        saved_views.set_default(self.actor, self.list_key, view, opens="default" in given)
        return self.back(f"{path}?view={view.pk}&{view.query}" if view.query else f"{path}?view={view.pk}")
