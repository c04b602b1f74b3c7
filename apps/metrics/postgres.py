"""Samples in PostgreSQL: one wide row for each subject and time, in three resolutions, partitioned by time.

Wide, since all of a subject is measured at once: one row header and one index entry for nine values instead of nine of
each. The key begins with the time, so that a round of samples is written to the end of table and index; a reader knows
the times it wants, which stand on a grid, and looks each up.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from django.utils import timezone

from apps.metrics import partitions, queries
from apps.metrics.quantities import BY_NAME, NAMES
from apps.metrics.store import STEP, Chart, Sample, Subject
from apps.metrics.tiers import FIVE_MINUTES, HOUR, RAW, TIERS, floor

_COLUMNS = f"at, subject, {', '.join(NAMES)}"
_INCOMING = f"CREATE TEMPORARY TABLE incoming AS SELECT {_COLUMNS} FROM {RAW.table} LIMIT 0"  # noqa: S608
_COPY = f"COPY incoming ({_COLUMNS}) FROM STDIN (FORMAT BINARY)"
_KEEP = f"INSERT INTO {RAW.table} ({_COLUMNS}) SELECT {_COLUMNS} FROM incoming ON CONFLICT DO NOTHING"  # noqa: S608
_TYPES = ["timestamptz", "uuid", *["float4"] * len(NAMES)]
#: A sample older than this comes too late: what is made of its time is made already.
LATE = timedelta(minutes=5)


class PostgresStore:
    """`Store` in the platform's own database."""

    def record(self, samples: Sequence[Sample]) -> int:
        """Keep samples that are not late and not there yet: by COPY, six times as fast as statements with values."""
        now = timezone.now()
        timely = [sample for sample in samples if now - LATE < sample.at < now + LATE]
        if not timely:
            return 0
        times = [sample.at for sample in timely]
        partitions.ensure(RAW, min(times), max(times))
        rows: list[tuple[Any, ...]] = [
            (floor(sample.at, STEP), UUID(sample.subject.key), *map(sample.values.get, NAMES))
            for sample in timely
        ]
        # In the index's order, which makes its pages fill in turn; numbers compare faster than UUIDs.
        rows.sort(key=lambda row: (row[0], row[1].int))
        # COPY knows no ON CONFLICT, so the rows pass through a table of this transaction's own.
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(_INCOMING)
            with cursor.cursor.copy(_COPY) as copy:
                copy.set_types(_TYPES)
                for row in rows:
                    copy.write_row(row)
            cursor.execute(_KEEP)
            kept = int(cursor.rowcount)
            cursor.execute("DROP TABLE incoming")
        return kept

    def series(
        self, subject: Subject, names: Sequence[str], start: datetime, end: datetime, step: timedelta
    ) -> Chart:
        """Read the coarsest resolution that is fine enough, and what is too new to be there from the finer ones."""
        return queries.chart(subject, _checked(names), start, end, step)

    def latest(
        self, kind: str, keys: Sequence[str], names: Sequence[str], not_older_than: timedelta
    ) -> dict[str, dict[str, float]]:
        """Look the last few steps up for all keys at once."""
        wanted = _checked(names)
        newest = floor(timezone.now(), STEP)
        times = [newest - number * STEP for number in range(int(not_older_than / STEP) + 1)]
        with connection.cursor() as cursor:
            cursor.execute(
                f"SELECT DISTINCT ON (subject) subject::text, {', '.join(wanted)} FROM {RAW.table}"  # noqa: S608
                " WHERE at = ANY(%s) AND subject = ANY(%s::uuid[]) ORDER BY subject, at DESC",
                [times, list(keys)],
            )
            found = cursor.fetchall()
        return {
            row[0]: {name: value for name, value in zip(wanted, row[1:], strict=True) if value is not None}
            for row in found
        }

    def trends(
        self, keys: Sequence[str], name: str, length: timedelta, step: timedelta
    ) -> dict[str, list[float | None]]:
        """Read the finest resolution of all keys at once."""
        return queries.trends(keys, _checked([name])[0], length, step)

    def mean_trend(
        self, keys: Sequence[str], name: str, length: timedelta, step: timedelta
    ) -> list[float | None]:
        """Look up a sample of every key at each step: a cluster's hosts would be too many for all of them."""
        return queries.mean_trend(keys, _checked([name])[0], length, step)

    def finest_step(self, start: datetime) -> timedelta:
        """Go by how long each resolution is kept."""
        return TIERS[queries.tier_for(start, STEP)].step

    def last_seen(self, subject: Subject) -> datetime | None:
        """Look up the last hour's samples, then what they were rolled up into: the index has no order by subject."""
        now = timezone.now()
        for tier, since in ((RAW, timedelta(hours=1)), (FIVE_MINUTES, FIVE_MINUTES.kept), (HOUR, HOUR.kept)):
            if moment := queries.last_time(tier, subject, now - since):
                return moment
        return None


def _checked(names: Sequence[str]) -> list[str]:
    """Names become columns in SQL, so none but known ones pass; raise KeyError for another."""
    return [BY_NAME[name].name for name in names]
