"""The page on which images are imported: an upload in the browser, or a URL."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext_lazy as _

from apps.compute.api.images import ImageApi
from apps.compute.image_forms import ImageForm, TenantImageForm
from apps.compute.pages.images import IMAGE
from apps.portal.create import CreatePage, Section
from apps.portal.forms import BaseForm
from apps.uploads.selectors import unfinished_uploads
from apps.uploads.services import MOST_PART_BYTES

#: Unfinished uploads that the page shows.
SHOWN = 10
_TEMPLATE = "compute/image_source.html"
_ABOUT = Section(_("Image"), ("name", "cluster", "description"))
_SYSTEM = Section(
    _("Operating system"),
    (
        "os_family",
        "os_name",
        "architecture",
        "default_disk_gib",
        "cloud_init",
        "guest_agent",
        "hot_upgrade",
        "uefi",
        "secure_boot",
    ),
)


class ImageImport(CreatePage):
    """The administrator's: base images."""

    template_name = "compute/image_import.html"
    of = IMAGE
    form = ImageForm
    api = ImageApi
    sections = (
        Section(_("Source"), ("upload", "url", "sha256", "file"), template=_TEMPLATE),
        _ABOUT,
        _SYSTEM,
    )

    def submit(self, data: dict[str, Any]) -> Any:
        """Import it, the upload by its id."""
        return super().submit({**data, "upload": data["upload"].pk if data["upload"] else None})

    def more(self, form: BaseForm) -> dict[str, Any]:
        """What can be gone on with, and how large a part may be."""
        return {"unfinished": unfinished_uploads(self.actor)[:SHOWN], "part_bytes": MOST_PART_BYTES}


class TenantImageImport(ImageImport):
    """A tenant's own images."""

    form = TenantImageForm
    sections = (
        Section(_("Source"), ("upload", "url", "sha256"), template=_TEMPLATE),
        Section(_("Image"), ("name", "project", "cluster", "description")),
        _SYSTEM,
    )

    def body(self, data: dict[str, Any]) -> dict[str, Any]:
        """The project by its id."""
        body = super().body(data)
        return {**body, "project": data["project"].uid} if data.get("project") else body

    def submit(self, data: dict[str, Any]) -> Any:
        """The project by its id, too."""
        return super().submit({**data, "project": data["project"].uid})
