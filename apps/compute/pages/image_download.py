"""The tab on which administrators download an image."""

from __future__ import annotations

from typing import Any

from django.urls import reverse

from apps.compute.models import Image
from apps.compute.services.image_export import preparing
from apps.portal.detail import DetailPage
from apps.uploads.exports import whole_export
from apps.uploads.sizes import shown_size


def image_download(page: DetailPage, image: Image) -> dict[str, Any]:
    """Return how far the download is, and what can be done."""
    export = whole_export(image)
    offers = page.of.offers(page.rights, image, page.area, only=("export",))
    return {
        "prepare": next(iter(offers), None),
        "preparing": preparing(image),
        "export": export,
        "size": shown_size(export.size) if export else "",
        "link_url": reverse("admin:image.link", args=[image.pk]),
    }
