"""Making the tables' partitions ahead of time, and dropping those whose time is over.

Dropping a partition costs nothing; deleting as many rows would cost as much as writing them, and leave holes.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import connection, transaction

from apps.metrics.platform_settings import HISTORY_DAYS
from apps.metrics.tiers import HOUR, TIERS, Tier, floor

#: One writer at a time makes partitions; the number is arbitrary and only ours.
_LOCK = 0x6D657472


def kept(tier: Tier) -> timedelta:
    """Return how long a resolution is kept: the coarsest as long as administrators set."""
    return timedelta(days=HISTORY_DAYS.value()) if tier == HOUR else tier.kept


def ensure(tier: Tier, first: datetime, last: datetime) -> None:
    """Make the partitions that hold `first` to `last`, where they are missing."""
    begin = floor(first, tier.partition)
    missing = []
    while begin <= last:
        if not _exists(_name(tier, begin)):
            missing.append(begin)
        begin += tier.partition
    if not missing:
        return
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
        for begin in missing:
            end = begin + tier.partition
            cursor.execute(
                f"CREATE TABLE IF NOT EXISTS {_name(tier, begin)} PARTITION OF {tier.table}"
                f" FOR VALUES FROM ('{begin.isoformat()}') TO ('{end.isoformat()}')"
            )


def keep_up(now: datetime) -> list[str]:
    """Make the partitions of the time to come, drop those past their keeping; return the names of the dropped."""
    dropped = []
    for tier in TIERS:
        ensure(tier, now, now + tier.partition)
        for name in _names(tier):
            if name < _name(tier, floor(now - kept(tier), tier.partition)):
                with connection.cursor() as cursor:
                    cursor.execute(f"DROP TABLE {name}")
                dropped.append(name)
    return dropped


def _name(tier: Tier, begin: datetime) -> str:
    """Names sort as their times do."""
    return f"{tier.table}_{begin:%Y%m%d}"


def _exists(name: str) -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass(%s)", [name])
        return bool(cursor.fetchone() != (None,))


def _names(tier: Tier) -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = %s::regclass", [tier.table]
        )
        return [name for (name,) in cursor.fetchall()]
