"""Where administrators find images to import."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext_lazy

from apps.compute.image_catalogue import CatalogueEntry, catalogue
from apps.portal.page import Page


class ImageCataloguePage(Page):
    title = gettext_lazy("Image catalog")
    template_name = "compute/image_catalogue.html"

    def get(self, request: HttpRequest) -> HttpResponse:
        """List names and links; each leads to an import form that is filled in as far as is known."""
        return self.show({"entries": [(entry, _import_url(entry)) for entry in catalogue()]})


def _import_url(entry: CatalogueEntry) -> str:
    given = {"name": entry.name, "os_family": entry.os_family, "os_name": entry.name}
    if not entry.cloud_init:
        given["cloud_init"] = ""
    return f"{reverse('admin:image.create')}?{urlencode(given)}"
