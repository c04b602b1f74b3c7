"""Keeping samples and reading them back."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from datetime import datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from apps.metrics import partitions, rollups
from apps.metrics.postgres import PostgresStore
from apps.metrics.store import STEP, Chart, Sample, Subject
from apps.metrics.tiers import FIVE_MINUTES, HOUR, RAW, Tier, floor
from tests.metrics.keeping import keep as keep_samples

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("UX-9")]
STORE = PostgresStore()
CPU = ["cpu_percent"]


@pytest.fixture
def vm() -> Subject:
    return Subject("vm", str(uuid.uuid4()))


def keep(subject: Subject, tier: Tier, points: Iterable[tuple[datetime, float]]) -> None:
    keep_samples(subject, tier, [(at, {"cpu_percent": value}) for at, value in points])


def values(chart: Chart) -> list[float | None]:
    return chart.series[0].values


def test_a_sample_stands_on_the_grid_and_is_kept_once(vm: Subject) -> None:
    now = floor(timezone.now(), STEP)
    sample = Sample(vm, now + timedelta(seconds=4), {"cpu_percent": 12.5})
    assert STORE.record([sample, sample]) == 1
    assert STORE.record([sample]) == 0
    chart = STORE.series(vm, CPU, now - STEP, now + STEP, STEP)
    assert chart.times == [now - STEP, now]
    assert values(chart) == [None, 12.5]


def test_what_was_not_measured_is_a_gap(vm: Subject) -> None:
    now = floor(timezone.now(), STEP)
    STORE.record([Sample(vm, now - 2 * STEP, {"cpu_percent": 1.0}), Sample(vm, now, {"load": 1.0})])
    chart = STORE.series(vm, [*CPU, "load"], now - 2 * STEP, now + STEP, STEP)
    assert [series.values for series in chart.series] == [[1.0, None, None], [None, None, 1.0]]


def test_late_samples_are_dropped(vm: Subject) -> None:
    assert STORE.record([Sample(vm, timezone.now() - timedelta(hours=1), {"cpu_percent": 1.0})]) == 0


def test_a_wider_step_is_the_mean_of_what_was_measured(vm: Subject) -> None:
    start = floor(timezone.now() - timedelta(minutes=30), timedelta(minutes=2))
    keep(vm, RAW, [(start, 10), (start + STEP, 20), (start + 5 * STEP, 50)])
    chart = STORE.series(vm, CPU, start, start + 12 * STEP, timedelta(minutes=2))
    assert values(chart) == [15.0, 50.0, None]


def test_rollups_are_means_and_a_second_run_adds_nothing(vm: Subject) -> None:
    now = timezone.now()
    hour = floor(now - timedelta(hours=3), HOUR.step)
    keep(vm, RAW, [(hour + number * STEP, float(number)) for number in range(120)])
    assert rollups.roll_up(now) >= 12
    assert rollups.roll_up(now) == 0
    fives = STORE.series(vm, CPU, hour, hour + timedelta(hours=1), FIVE_MINUTES.step)
    assert values(fives)[:2] == [4.5, 14.5]
    keep(Subject("vm", str(uuid.uuid4())), FIVE_MINUTES, [(hour + timedelta(hours=2), 1.0)])
    rollups.roll_up(now)
    hours = STORE.series(vm, CPU, hour, hour + timedelta(hours=2), HOUR.step)
    assert values(hours) == [59.5, None]


def test_a_long_range_ends_with_what_is_not_rolled_up_yet(vm: Subject) -> None:
    now = timezone.now()
    start = floor(now - timedelta(hours=5), HOUR.step)
    keep(vm, HOUR, [(start, 1.0)])
    keep(vm, FIVE_MINUTES, [(start + HOUR.step, 2.0)])
    keep(vm, RAW, [(start + 2 * HOUR.step, 3.0)])
    assert values(STORE.series(vm, CPU, start, start + 4 * HOUR.step, HOUR.step)) == [1.0, 2.0, 3.0, None]


def test_the_newest_values_of_many_leave_out_what_is_older(vm: Subject) -> None:
    now = timezone.now()
    other = Subject("vm", str(uuid.uuid4()))
    STORE.record(
        [
            Sample(vm, now - STEP, {"cpu_percent": 1.0, "memory_bytes": 5.0}),
            Sample(vm, now, {"cpu_percent": 2.0}),
            Sample(other, now - 4 * STEP, {"cpu_percent": 3.0}),
        ]
    )
    found = STORE.latest("vm", [vm.key, other.key], ["cpu_percent", "memory_bytes"], 2 * STEP)
    assert found == {vm.key: {"cpu_percent": 2.0}}
    assert other.key in STORE.latest("vm", [vm.key, other.key], CPU, 5 * STEP)


def test_when_a_subject_was_last_seen_is_known_long_after(vm: Subject) -> None:
    assert STORE.last_seen(vm) is None
    then = floor(timezone.now() - timedelta(days=40), HOUR.step)
    keep(vm, HOUR, [(then, 1.0)])
    assert STORE.last_seen(vm) == then


def test_partitions_past_their_keeping_are_dropped(vm: Subject) -> None:
    now = timezone.now()
    old = floor(now - timedelta(days=4), RAW.step)
    keep(vm, RAW, [(old, 1.0), (floor(now, STEP), 2.0)])
    dropped = partitions.keep_up(now)
    assert f"metrics_sample_{old:%Y%m%d}" in dropped
    assert STORE.last_seen(vm) == floor(now, STEP)
    assert partitions.keep_up(now) == []


def test_an_unknown_name_is_refused(vm: Subject) -> None:
    now = timezone.now()
    with pytest.raises(KeyError):
        STORE.series(vm, ["at; DROP TABLE metrics_sample"], now - STEP, now, STEP)


def test_trends_of_several_subjects_are_means_of_each_step(vm: Subject) -> None:
    now, other, nobody = floor(timezone.now(), STEP), Subject("vm", str(uuid.uuid4())), str(uuid.uuid4())
    keep(vm, RAW, [(now - 4 * STEP, 10), (now - 3 * STEP, 20), (now - STEP, 60)])
    keep(other, RAW, [(now - 2 * STEP, 5)])
    found = STORE.trends([vm.key, other.key, nobody], "cpu_percent", 4 * STEP, 2 * STEP)
    assert found in (
        {vm.key: [15, 60], other.key: [None, 5]},
        {vm.key: [20, 60], other.key: [5, None]},  # a step of samples has gone by meanwhile
    )


def test_the_mean_trend_of_many_subjects_has_gaps_where_nothing_was_measured(vm: Subject) -> None:
    now, other = floor(timezone.now(), STEP), Subject("vm", str(uuid.uuid4()))
    for each, value in ((vm, 10), (other, 30)):
        keep(each, RAW, [(now - number * STEP, value) for number in (0, 1, 2)])
    found = STORE.mean_trend([vm.key, other.key], "cpu_percent", 4 * STEP, STEP)
    assert found in ([None, 20, 20, 20], [20, 20, 20, None])


def test_trends_are_one_query_however_many_subjects_there_are() -> None:
    keys = [str(uuid.uuid4()) for _ in range(30)]
    for read in (STORE.trends, STORE.mean_trend):
        with CaptureQueriesContext(connection) as queries:
            read(keys, "cpu_percent", timedelta(hours=1), timedelta(minutes=2))
        assert len(queries) == 1
