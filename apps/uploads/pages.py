"""The uploads from which no image has been imported yet, and their deletion."""

from __future__ import annotations

from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.lifecycle.errors import NotFound
from apps.portal import toasts
from apps.portal.page import Page
from apps.uploads.platform_settings import KEPT_HOURS
from apps.uploads.selectors import idle_uploads
from apps.uploads.services import delete_upload
from apps.uploads.sizes import shown_progress

PAGE_SIZE = 25
MOST_PAGES = 10_000


class UploadsPage(Page):
    title = gettext_lazy("Uploads")
    template_name = "uploads/uploads.html"

    def get(self, request: HttpRequest) -> HttpResponse:
        """List them, the latest first; administrators see those of all tenants."""
        asked = request.GET.get("page", "")
        number = min(max(int(asked), 1), MOST_PAGES) if asked.isdecimal() and len(asked) < 6 else 1
        start, hours = (number - 1) * PAGE_SIZE, KEPT_HOURS.value()
        some = list(idle_uploads(self.actor)[start : start + PAGE_SIZE + 1])
        return self.show(
            {
                "uploads": [
                    (upload, shown_progress(upload.received, upload.size), upload.expires_at(hours))
                    for upload in some[:PAGE_SIZE]
                ],
                "number": number,
                "more": len(some) > PAGE_SIZE,
                "import_url": reverse(f"{self.area}:image.create"),
            }
        )


class UploadDeletion(Page):
    def post(self, request: HttpRequest, key: UUID) -> HttpResponse:
        """Delete one, and lead back to the list."""
        upload = idle_uploads(self.actor).filter(pk=key).first()
        if upload is None:
            raise NotFound(_("This upload was not found."))
        name = str(upload)
        delete_upload(self.actor, upload)
        toasts.keep(request, toasts.Toast(_("Upload %(name)s deleted") % {"name": name}))
        return self.go(reverse(f"{self.area}:uploads"))
