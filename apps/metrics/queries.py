"""Reading one subject's rows and putting them on the grid that was requested."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from django.db import connection
from django.utils import timezone

from apps.metrics.quantities import BY_NAME
from apps.metrics.store import STEP, Chart, Series, Subject
from apps.metrics.tiers import RAW, TIERS, Tier, floor

#: time, weight, values
Row = tuple[datetime, float, Sequence[float | None]]
#: Members of a subject whose newest sample is looked for, over up to a year.
SOME_MEMBERS = 20


def chart(subject: Subject, names: Sequence[str], start: datetime, end: datetime, step: timedelta) -> Chart:
    """Return the mean of what was measured in each step from `start` to `end`; None where nothing was."""
    first = floor(start, step)
    count = max(0, -(-(end - first) // step))
    sums = [[0.0] * count for _ in names]
    weights = [[0.0] * count for _ in names]
    for at, weight, values in _rows(tier_for(first, step), subject, names, (first, end), step):
        bucket = (at - first) // step
        for column, value in enumerate(values):
            if value is not None:
                sums[column][bucket] += weight * value
                weights[column][bucket] += weight
    return Chart(
        times=[first + number * step for number in range(count)],
        step=step,
        series=[
            Series(name, [total / weight if weight else None for total, weight in zip(*pair, strict=True)])
            for name, pair in zip(names, zip(sums, weights, strict=True), strict=True)
        ],
    )


def trends(
    keys: Sequence[str], name: str, length: timedelta, step: timedelta
) -> dict[str, list[float | None]]:
    """Return key → the mean of each step up to now, in one query."""
    first, count = _grid(length, step)
    times = [first + number * STEP for number in range(count * (step // STEP))]
    sums: dict[str, list[list[float]]] = {}
    for key, at, value in _values(keys, name, times):
        sums.setdefault(key, [[] for _ in range(count)])[(at - first) // step].append(value)
    return {
        key: [sum(each) / len(each) if each else None for each in buckets] for key, buckets in sums.items()
    }


def mean_trend(keys: Sequence[str], name: str, length: timedelta, step: timedelta) -> list[float | None]:
    """Return the mean over all keys at each step up to now, in one query."""
    first, count = _grid(length, step)
    times = [first + number * step for number in range(1, count + 1)]
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT at, avg({name}) FROM {RAW.table}"  # noqa: S608  # names of our own
            " WHERE at = ANY(%s) AND subject = ANY(%s::uuid[]) GROUP BY at",
            [times, list(keys)],
        )
        found = dict(cursor.fetchall())
    return [found.get(at) for at in times]


def _grid(length: timedelta, step: timedelta) -> tuple[datetime, int]:
    """Return the first moment and the number of steps of a range that ends with the newest whole step of samples."""
    count = length // step
    return floor(timezone.now(), STEP) - count * step, count


def _values(keys: Sequence[str], name: str, times: Sequence[datetime]) -> list[tuple[str, datetime, float]]:
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT subject::text, at, {name} FROM {RAW.table}"  # noqa: S608  # names of our own
            f" WHERE at = ANY(%s) AND subject = ANY(%s::uuid[]) AND {name} IS NOT NULL",
            [list(times), list(keys)],
        )
        found: list[tuple[str, datetime, float]] = cursor.fetchall()
    return found


def tier_for(start: datetime, step: timedelta) -> int:
    """Return the coarsest resolution that is fine enough for `step`, or coarser if that one forgot `start` already."""
    now = timezone.now()
    fine = max(number for number, tier in enumerate(TIERS) if tier.step <= max(step, TIERS[0].step))
    return next((n for n in range(fine, len(TIERS)) if now - start <= TIERS[n].kept), len(TIERS) - 1)


def _rows(
    number: int, subject: Subject, names: Sequence[str], span: tuple[datetime, datetime], step: timedelta
) -> list[Row]:
    """Return the rows of a resolution, and from the finer one those of the time that has not been rolled up yet."""
    tier = TIERS[number]
    start, end = max(span[0], timezone.now() - tier.kept - tier.step), span[1]
    look_up = _look_up if subject.members is None else partial(_look_up_together, step=step)
    if number == 0:
        return look_up(tier, subject, names, start, end)
    edge = rolled_up_until(tier) or start
    rows = look_up(tier, subject, names, start, min(edge, end))
    return rows + (_rows(number - 1, subject, names, (max(edge, start), end), step) if edge < end else [])


_ON_GRID = (
    " WHERE at = ANY(ARRAY("
    "   SELECT generate_series(%s::timestamptz, %s::timestamptz, make_interval(secs => %s))))"
    "   AND at >= %s AND at < %s AND subject = ANY(%s::uuid[])"
)


def _look_up(tier: Tier, subject: Subject, names: Sequence[str], start: datetime, end: datetime) -> list[Row]:
    """Look each time of the grid up by the primary key."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT at, {', '.join(names)} FROM {tier.table}{_ON_GRID}",  # noqa: S608  # names of our own
            [_ceiling(start, tier), end, tier.step.total_seconds(), start, end, [subject.key]],
        )
        found: list[tuple[Any, ...]] = cursor.fetchall()
    return [(row[0], tier.step.total_seconds(), row[1:]) for row in found]


def _look_up_together(
    tier: Tier, subject: Subject, names: Sequence[str], start: datetime, end: datetime, *, step: timedelta
) -> list[Row]:
    """Look up one time of each step of the chart, for all members: all their samples would be too many."""
    every = max(step, tier.step)
    values = ", ".join(f"{BY_NAME[name].together}({name})" for name in names)
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT at, {values} FROM {tier.table}{_ON_GRID} GROUP BY at",  # noqa: S608  # names of our own
            [floor(start, every), end, every.total_seconds(), start, end, list(subject.members or ())],
        )
        found: list[tuple[Any, ...]] = cursor.fetchall()
    return [(row[0], every.total_seconds(), row[1:]) for row in found]


def _ceiling(moment: datetime, tier: Tier) -> datetime:
    floored = floor(moment, tier.step)
    return floored if floored == moment else floored + tier.step


def rolled_up_until(tier: Tier) -> datetime | None:
    """Return the end of what has been rolled up into a resolution, None when nothing has."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT max(at) FROM {tier.table}")  # noqa: S608
        newest: datetime | None = cursor.fetchone()[0]
    return newest + tier.step if newest else None


def last_time(tier: Tier, subject: Subject, since: datetime) -> datetime | None:
    """Return the time of a subject's newest row in a resolution since `since`."""
    names, until = ["cpu_percent"], timezone.now()
    if subject.members is None:
        rows = _look_up(tier, subject, names, since, until)
    else:
        some = replace(subject, members=subject.members[:SOME_MEMBERS])
        rows = _look_up_together(tier, some, names, since, until, step=tier.step)
    return max((row[0] for row in rows), default=None)
