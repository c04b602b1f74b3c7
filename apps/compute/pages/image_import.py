"""The page on which images are imported: an upload in the browser, or a URL."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db.models import Case, When
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from apps.api.bulk import is_key
from apps.compute.api.images import ImageApi
from apps.compute.image_forms import AdminImageForm, ImageForm, TenantImageForm
from apps.compute.pages.images import IMAGE
from apps.portal.create import CreatePage, Section
from apps.portal.forms import BaseForm
from apps.uploads.selectors import unfinished_uploads
from apps.uploads.services import MOST_PART_BYTES
from apps.uploads.sizes import shown_progress

#: Unfinished uploads that the page shows.
SHOWN = 10
_TEMPLATE = "compute/image_source.html"
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
    """The administrator's: base images, and images for a tenant."""

    template_name = "compute/image_import.html"
    of = IMAGE
    form: ClassVar[type[ImageForm]] = AdminImageForm
    api = ImageApi
    sections = (
        Section(_("Source"), ("upload", "url", "sha256", "file"), template=_TEMPLATE),
        Section(_("Image"), ("name", "project", "cluster", "description")),
        _SYSTEM,
    )

    def body(self, data: dict[str, Any]) -> dict[str, Any]:
        """The project by its id."""
        body = super().body(data)
        return {**body, "project": data["project"].uid} if data.get("project") else body

    def submit(self, data: dict[str, Any]) -> Any:
        """Import it, upload and project by their ids."""
        upload, project = data["upload"], data["project"]
        return super().submit(
            {
                **data,
                "upload": upload.pk if upload else None,
                "project": project.uid if project else None,
            }
        )

    def more(self, form: BaseForm) -> dict[str, Any]:
        """What can be gone on with, and how large a part may be. `?resume=` puts one of them first."""
        rows = unfinished_uploads(self.actor)
        chosen = self.request.GET.get("resume", "")
        if is_key("uuid", chosen):
            rows = rows.order_by(Case(When(pk=chosen, then=0), default=1), "-active_at", "pk")
        return {
            "unfinished": [(row, shown_progress(row.received, row.size)) for row in rows[:SHOWN]],
            "part_bytes": MOST_PART_BYTES,
            "uploads_url": reverse(f"{self.area}:uploads"),
        }


class TenantImageImport(ImageImport):
    """A tenant's own images."""

    form = TenantImageForm
    sections = (
        Section(_("Source"), ("upload", "url", "sha256"), template=_TEMPLATE),
        Section(_("Image"), ("name", "project", "cluster", "description")),
        _SYSTEM,
    )
