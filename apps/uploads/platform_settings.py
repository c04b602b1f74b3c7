"""What administrators set about uploads."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _

from apps.platform_settings.catalogue import IMAGES, declare
from apps.platform_settings.kinds import Line, Number
from apps.uploads.sources import Sources


@dataclass(frozen=True, kw_only=True)
class SourceList(Line):
    """Host names and CIDR blocks."""

    def clean(self, given: Any) -> str:
        """Refuse what is neither."""
        text = super().clean(given)
        try:
            Sources.of(text)
        except ValueError as error:
            raise ValidationError(
                _now("%(entry)s is neither a host name nor a CIDR block.") % {"entry": error}
            ) from error
        return text


IMAGE_SOURCES = declare(
    SourceList(
        name="image_sources",
        group=IMAGES,
        label=_("Allowed sources of images"),
        help=_("Hosts for imports by URL: names, *.names and CIDR blocks, separated by spaces. Empty: none."),
        default="",
        longest=2000,
    )
)
FILE_GIB = declare(
    Number(
        name="upload_file_gib",
        group=IMAGES,
        label=_("Largest upload"),
        help=_("Size of one file."),
        unit=_("GiB"),
        default=100,
        least=1,
        most=2048,
    )
)
SPOOL_GIB = declare(
    Number(
        name="upload_total_gib",
        group=IMAGES,
        label=_("Space for uploads"),
        help=_("Uploads of all tenants and prepared downloads together."),
        unit=_("GiB"),
        default=500,
        least=1,
        most=1_000_000,
    )
)
KEPT_HOURS = declare(
    Number(
        name="upload_kept_hours",
        group=IMAGES,
        label=_("Upload expiry"),
        help=_("An upload that receives no data and is not imported for this long is deleted."),
        unit=_("hours"),
        default=24,
        least=1,
        most=720,
    )
)
EXPORT_HOURS = declare(
    Number(
        name="export_kept_hours",
        group=IMAGES,
        label=_("Download expiry"),
        help=_("A prepared download of an image is deleted after this time."),
        unit=_("hours"),
        default=24,
        least=1,
        most=720,
    )
)
