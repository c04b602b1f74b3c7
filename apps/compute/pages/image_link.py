"""Where the button Download leads: a link is made, and the browser sent there, which then saves the file."""

from __future__ import annotations

from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.urls import reverse

from apps.compute.pages.images import IMAGE
from apps.compute.services.image_export import link_to_image
from apps.portal.page import Page


class ImageLinkPage(Page):
    def post(self, request: HttpRequest, key: UUID) -> HttpResponse:
        """Make a link and follow it."""
        link = link_to_image(self.actor, IMAGE.found(self.actor, key))
        return self.go(reverse("api:downloads-one", args=[link.token]))
