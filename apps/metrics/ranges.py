"""Ranges of time that charts offer, and the step at which one is drawn."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from apps.metrics.store import STEP, Chart, Store, Subject

#: A chart is hardly wider than this many points can be distinguished on.
MOST_POINTS = 600
_MINUTE, _HOUR, _DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
_STEPS = (
    STEP,
    *(minutes * _MINUTE for minutes in (1, 2, 5, 10, 20, 30)),
    *(hours * _HOUR for hours in (1, 2, 3, 4, 6, 12)),
    _DAY,
)
#: Of many subjects together: each point reads a sample of every one of them.
MOST_POINTS_TOGETHER = 150
#: After that long all of them have sent their sample of a moment: a sum of some of them would look like a loss.
ALL_HAVE_COME = timedelta(seconds=90)
LONGEST = timedelta(days=366)


@dataclass(frozen=True)
class Preset:
    """A range up to now, as chosen by one click."""

    name: str
    length: timedelta
    label: str | Promise


PRESETS = (
    Preset("15m", 15 * _MINUTE, _("15 min")),
    Preset("1h", _HOUR, _("1 h")),
    Preset("6h", 6 * _HOUR, _("6 h")),
    Preset("12h", 12 * _HOUR, _("12 h")),
    Preset("24h", _DAY, _("24 h")),
    Preset("7d", 7 * _DAY, _("7 days")),
    Preset("15d", 15 * _DAY, _("15 days")),
    Preset("30d", 30 * _DAY, _("30 days")),
)
BY_NAME = {preset.name: preset for preset in PRESETS}
DEFAULT = BY_NAME["1h"]


def read(store: Store, subject: Subject, names: tuple[str, ...], start: datetime, end: datetime) -> Chart:
    """Return the chart of a range at the finest step that is kept that long and makes not too many points."""
    finest = store.finest_step(start)
    most = MOST_POINTS if subject.members is None else MOST_POINTS_TOGETHER
    step = next(s for s in _STEPS if s >= finest and (end - start) / s <= most - 2)
    now = timezone.now() if subject.members is None else timezone.now() - ALL_HAVE_COME
    # A step more than asked for: what was measured last stands at the present moment.
    return store.series(subject, names, start, min(end, now) + STEP, step)
