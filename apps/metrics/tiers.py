"""The three resolutions samples are kept in, and how long."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from apps.metrics.store import STEP

EPOCH = datetime(2000, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Tier:
    """Rows of `table` stand `step` apart and are kept for `kept`; a partition holds `partition`, counted from 2000."""

    table: str
    step: timedelta
    kept: timedelta
    partition: timedelta


RAW = Tier("metrics_sample", STEP, timedelta(days=2), timedelta(days=1))
FIVE_MINUTES = Tier("metrics_five_minutes", timedelta(minutes=5), timedelta(days=14), timedelta(days=1))
HOUR = Tier("metrics_hour", timedelta(hours=1), timedelta(days=366), timedelta(days=30))
#: From fine to coarse; each is made of the one before.
TIERS = (RAW, FIVE_MINUTES, HOUR)


def floor(moment: datetime, step: timedelta) -> datetime:
    """Return the last moment of the grid that is not after `moment`."""
    return (moment - (moment - EPOCH) % step).astimezone(UTC)
