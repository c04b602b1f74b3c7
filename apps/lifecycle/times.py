"""How a time is written for people: one style on all pages. `static/js/times.js` has the same for the browser."""

from __future__ import annotations

from datetime import datetime

from django.utils import timezone
from django.utils.translation import gettext as _

#: For `strftime`, in the reader's zone.
STYLE = "%Y-%m-%d %H:%M:%S"


def written(at: datetime | None) -> str:
    """Return a time in the reader's zone to the second; "never" for none."""
    return timezone.localtime(at).strftime(STYLE) if at is not None else _("never")
