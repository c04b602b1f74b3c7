"""The interface behind which samples are kept: PostgreSQL now, a time-series database when it is outgrown.

Nothing outside this app knows where samples are. A sample is what was measured of one subject at one moment; moments
stand on a grid of `STEP`. What was not measured is not there: readers get None, never a guess.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

#: Seconds between two samples of a subject. A sample's time is the end of the step it was measured over.
STEP_SECONDS = 30
STEP = timedelta(seconds=STEP_SECONDS)


@dataclass(frozen=True, slots=True)
class Subject:
    """What is measured: kind "vm", "host", "disk" or "storage_cluster", and the id of its row.

    members: of a kind that is not measured itself ("compute_cluster"), the keys of the subjects it is made of. Shares
    are their mean, all else is their sum.
    """

    kind: str
    key: str
    members: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Sample:
    """Values by name (`quantities.py`) at `at`, which `record` puts on the grid. A name left out is a gap."""

    subject: Subject
    at: datetime
    values: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Series:
    """One quantity over the times of a `Chart`; None is a gap."""

    name: str
    values: list[float | None]


@dataclass(frozen=True, slots=True)
class Chart:
    """Series with their common times, `step` apart. Each value is the mean over the step that begins at its time."""

    times: list[datetime]
    step: timedelta
    series: list[Series]


class Store(Protocol):
    """Keeps samples. Every call may raise what its backend raises; callers on a report's path catch it."""

    def record(self, samples: Sequence[Sample]) -> int:
        """Keep samples in bulk; return how many were new. One that is there already (subject and time) is dropped."""

    def series(
        self, subject: Subject, names: Sequence[str], start: datetime, end: datetime, step: timedelta
    ) -> Chart:
        """Return the named series of one subject from `start` to `end` on a grid of `step`, with None for gaps."""

    def latest(
        self, kind: str, keys: Sequence[str], names: Sequence[str], not_older_than: timedelta
    ) -> dict[str, dict[str, float]]:
        """Return key → name → the newest value; what has none that new is left out."""

    def trends(
        self, keys: Sequence[str], name: str, length: timedelta, step: timedelta
    ) -> dict[str, list[float | None]]:
        """Return key → one quantity up to now, a value for each `step`; what was not measured at all is left out.

        `length` is at most an hour or two: for small charts of many subjects at once.
        """

    def mean_trend(
        self, keys: Sequence[str], name: str, length: timedelta, step: timedelta
    ) -> list[float | None]:
        """Return the mean over all subjects, as it was at each `step` up to now."""

    def finest_step(self, start: datetime) -> timedelta:
        """Return the finest step in which samples since `start` are kept."""

    def last_seen(self, subject: Subject) -> datetime | None:
        """Return the time of a subject's newest sample, None when nothing is kept of it."""
