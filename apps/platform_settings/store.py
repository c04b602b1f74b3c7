"""The values that were set, kept in the process for two seconds: so old can what a process goes by be at most."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from typing import Any

from django.db import DatabaseError

from apps.platform_settings.models import PlatformSetting

log = logging.getLogger(__name__)

#: Seconds after which the table is read again.
FRESH = 2.0


class _Kept:
    """What this process read last, and when (monotonic seconds)."""

    values: dict[str, Any] | None = None
    read_at = 0.0


def stored() -> Mapping[str, Any]:
    """Return name → JSON value of what differs from its default.

    While the database does not answer: what was known last, since error pages read settings too.
    """
    if _Kept.values is None or time.monotonic() - _Kept.read_at > FRESH:
        try:
            _Kept.values = dict(PlatformSetting.objects.values_list("name", "value"))
        except DatabaseError as error:
            log.warning("settings not read: %s", error)
            return _Kept.values or {}
        _Kept.read_at = time.monotonic()
    return _Kept.values


def forget() -> None:
    """Have the table read again at the next use."""
    _Kept.values = None
