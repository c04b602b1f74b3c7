"""Writing samples straight to a resolution, also those that `record` would find too late."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime

from django.db import connection

from apps.metrics import partitions
from apps.metrics.store import Subject
from apps.metrics.tiers import TIERS, Tier


def keep(subject: Subject, tier: Tier, samples: Iterable[tuple[datetime, Mapping[str, float]]]) -> None:
    """Keep samples of one subject, all with the same names."""
    rows = list(samples)
    names = list(rows[0][1])
    partitions.ensure(tier, min(at for at, _ in rows), max(at for at, _ in rows))
    places = ", ".join(["%s"] * (2 + len(names)))
    with connection.cursor() as cursor:
        cursor.executemany(
            f"INSERT INTO {tier.table} (at, subject, {', '.join(names)}) VALUES ({places})"  # noqa: S608
            " ON CONFLICT DO NOTHING",
            [(at, subject.key, *values.values()) for at, values in rows],
        )


def forget(subject: Subject) -> None:
    """Drop all there is of a subject."""
    with connection.cursor() as cursor:
        for tier in TIERS:
            cursor.execute(f"DELETE FROM {tier.table} WHERE subject = %s", [subject.key])  # noqa: S608
