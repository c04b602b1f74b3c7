"""Secrets that are shown once: in the answer to the POST that made them, kept nowhere, not even in a cache."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils.text import slugify

from apps.portal.actions import ActionPage
from apps.portal.create import CreatePage
from apps.portal.kinds import Text
from apps.portal.page import Page


@dataclass(frozen=True)
class ShownOnce:
    """label: what the secret is. name: whose it is. url: where to go on. kind: what it is, in the file's name."""

    title: Text
    label: Text
    name: str
    secret: str
    text: Text
    url: str
    kind: str = "password"

    @property
    def file(self) -> str:
        """Name of the file it is downloaded as."""
        return f"{slugify(self.name) or 'scloudstack'}-{self.kind}.txt"


def show_once(page: Page, shown: ShownOnce) -> HttpResponse:
    """Return the page with the secret."""
    response = page.show({"title": shown.title, "shown": shown}, "tenancy/shown_once.html")
    response["Cache-Control"] = "no-store"
    return response


class CreateShownOnce(CreatePage):
    """A create page whose `submit` returns what is to be shown."""

    def finish(self, outcome: Any) -> HttpResponse:
        """Show it instead of leading on."""
        return show_once(self, outcome)


class ResetPage(ActionPage):
    """An action whose service returns a new password."""

    label: Text = ""
    text: Text = ""

    def post(self, request: HttpRequest, key: object) -> HttpResponse:
        """Do it and show the password."""
        row = self.of.found(self.actor, key)
        password = self.do.service(self.actor, row)
        url = self.of.url(self.area, "list")
        return show_once(self, ShownOnce(self.do.verb.label, self.label, str(row), password, self.text, url))
