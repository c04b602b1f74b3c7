"""Making the coarser resolutions: the mean of each quantity over five minutes, and over an hour."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import pairwise

from django.db import connection

from apps.metrics import partitions
from apps.metrics.postgres import LATE
from apps.metrics.quantities import NAMES
from apps.metrics.queries import rolled_up_until
from apps.metrics.tiers import TIERS, Tier, floor

#: A pause of the task is made up for in pieces of at most this many steps.
_MOST_STEPS = 24


def roll_up(now: datetime) -> int:
    """Roll up what is complete by `now`; return how many rows were written. Run again, it writes nothing."""
    return sum(_catch_up(fine, coarse, now) for fine, coarse in pairwise(TIERS))


def _catch_up(fine: Tier, coarse: Tier, now: datetime) -> int:
    complete = floor((rolled_up_until(fine) or now) if fine is not TIERS[0] else now - LATE, coarse.step)
    begin = rolled_up_until(coarse) or _oldest(fine, coarse, now)
    written = 0
    while begin is not None and begin < complete:
        end = min(begin + _MOST_STEPS * coarse.step, complete)
        written += _write(fine, coarse, begin, end)
        begin = end
    return written


def _oldest(fine: Tier, coarse: Tier, now: datetime) -> datetime | None:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT min(at) FROM {fine.table}")  # noqa: S608  # names of our own
        (oldest,) = cursor.fetchone()
    return oldest and floor(max(oldest, now - fine.kept), coarse.step)


def _write(fine: Tier, coarse: Tier, begin: datetime, end: datetime) -> int:
    partitions.ensure(coarse, begin, end - timedelta(microseconds=1))
    means = ", ".join(f"avg({name})" for name in NAMES)
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {coarse.table} (at, subject, {', '.join(NAMES)})"  # noqa: S608  # names of our own
            f" SELECT date_bin(make_interval(secs => %s), at, '2000-01-01Z'), subject, {means} FROM {fine.table}"
            " WHERE at >= %s AND at < %s GROUP BY 1, 2 ORDER BY 1, 2 ON CONFLICT DO NOTHING",
            [coarse.step.total_seconds(), begin, end],
        )
        return int(cursor.rowcount)
