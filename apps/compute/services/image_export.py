"""Downloads of images by administrators: a file is prepared by an operation, then a link to it is made."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.utils.translation import gettext as _

from apps.accounts.acts import changes
from apps.compute.models import Image
from apps.compute.verbs import IMAGE_DOWNLOAD, IMAGE_EXPORT
from apps.lifecycle.errors import Busy, NotNow
from apps.lifecycle.models import Operation
from apps.lifecycle.requests import Change
from apps.lifecycle.usable import ensure_usable
from apps.uploads import exports
from apps.uploads.models import Export


@dataclass(frozen=True)
class Link:
    """What an administrator downloads by: good for this account alone, until then."""

    token: str
    expires_at: datetime
    export: Export


@changes(IMAGE_EXPORT, shared=True)
def export_image(change: Change[Image]) -> Operation:
    """Have a file made of the image that administrators can download. Raises NotNow, Busy."""
    ensure_usable(change.row)
    running = preparing(change.row)
    if running is not None:
        raise Busy(
            _("The download of image %(image)s is being prepared.") % {"image": change.row.name},
            hint=_("Wait until it has finished, then retry."),
            details={"operation": str(running.pk)},
        )
    return change.request()


@changes(IMAGE_DOWNLOAD, shared=True)
def link_to_image(change: Change[Image]) -> Link:
    """Return a link to the file that was made of the image, for the actor alone. Raises NotNow when there is none."""
    export = exports.whole_export(change.row)
    if export is None:
        raise NotNow(
            _("No download of image %(image)s is ready.") % {"image": change.row.name},
            hint=_("Prepare the download first."),
        )
    change.record(args={"size": export.size, "sha256": export.sha256})
    return Link(exports.token_for(change.actor, export), exports.link_expiry(), export)


def preparing(image: Image) -> Operation | None:
    """Return what is making a file of the image now, if anything is."""
    return Operation.objects.open().filter(target_id=image.pk, verb=IMAGE_EXPORT.name).first()
