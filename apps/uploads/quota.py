"""The quota of what a tenant may have in the spool."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from apps.quotas.metrics import Metric, declare, total_of
from apps.uploads.models import Upload

UPLOAD_GIB = "upload_gib"

declare(
    Metric(
        UPLOAD_GIB, _("Uploads"), 200, total_of(Upload, "reserved_gib"), order=31, unit="GiB", list="image"
    )
)
