"""Samples of a large site: 1,000 hosts and 25,000 VMs at each step."""

from __future__ import annotations

import random
import time
import uuid
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

import pytest
from django.db import connection
from django.utils import timezone

from apps.metrics import partitions, ranges, rollups
from apps.metrics.postgres import PostgresStore
from apps.metrics.quantities import names_of
from apps.metrics.store import STEP, Sample, Subject
from apps.metrics.tiers import RAW, TIERS, floor
from tests.bench.report import Figure, report

pytestmark = [pytest.mark.bench, pytest.mark.timeout(600)]

HOSTS, VMS = 1000, 25_000
ROUNDS = 8
RANDOM = random.Random(1)  # noqa: S311  # figures, not secrets
STORE = PostgresStore()


@pytest.fixture(scope="module")
def tables(lasting_rows: None) -> Iterator[None]:
    yield
    with connection.cursor() as cursor:
        for tier in TIERS:
            cursor.execute(f"TRUNCATE {tier.table}")


def subjects() -> list[Subject]:
    return [
        *(Subject("host", str(uuid.uuid4())) for _ in range(HOSTS)),
        *(Subject("vm", str(uuid.uuid4())) for _ in range(VMS)),
    ]


def a_round(of: list[Subject], at: datetime) -> list[Sample]:
    return [Sample(one, at, {name: RANDOM.random() * 1e6 for name in names_of(one.kind)}) for one in of]


def milliseconds(what: Callable[[], object], times: int = 5) -> float:
    """Return the median time of a call."""
    taken = []
    for _ in range(times):
        started = time.perf_counter()
        what()
        taken.append(1000 * (time.perf_counter() - started))
    return sorted(taken)[times // 2]


def size_of(tier_table: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT sum(pg_total_relation_size(inhrelid)) FROM pg_inherits WHERE inhparent = %s::regclass",
            [tier_table],
        )
        return int(cursor.fetchone()[0])


def copy_rounds(newest: datetime, back: timedelta) -> None:
    """Repeat the newest round of samples at each earlier step, as a day of them would stand there."""
    first = newest - back
    partitions.ensure(RAW, first, newest)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT string_agg(column_name, ', ' ORDER BY ordinal_position) FROM"
            " information_schema.columns WHERE table_name = %s AND column_name <> 'at'",
            [RAW.table],
        )
        columns = cursor.fetchone()[0]
        cursor.execute(
            f"INSERT INTO {RAW.table} (at, {columns}) SELECT t, {columns} FROM {RAW.table},"  # noqa: S608
            " generate_series(%s::timestamptz, %s::timestamptz, %s) t WHERE at = %s ON CONFLICT DO NOTHING",
            [first, newest - STEP, STEP, newest],
        )
        cursor.execute(f"ANALYZE {RAW.table}")


def test_a_large_sites_samples_are_kept_and_read(tables: None) -> None:
    of = subjects()
    now = floor(timezone.now(), STEP)
    taken = []
    for number in reversed(range(ROUNDS)):
        samples = a_round(of, now - number * STEP)
        started = time.perf_counter()
        assert STORE.record(samples) == len(of)
        taken.append(time.perf_counter() - started)
    seconds = sorted(taken)[ROUNDS // 2]
    again = milliseconds(lambda: STORE.record(samples), 3)
    bytes_per_row = size_of(RAW.table) / (ROUNDS * len(of))

    copy_rounds(now, timedelta(hours=2))
    started = time.perf_counter()
    rolled = rollups.roll_up(timezone.now())
    rolling = time.perf_counter() - started

    vm, hosts = of[-1], [one.key for one in of[:HOSTS]]

    def read(length: timedelta) -> object:
        return ranges.read(STORE, vm, names_of("vm"), timezone.now() - length, timezone.now())

    report(
        "metrics",
        [
            Figure("rows kept", len(of) / seconds, "rows/s", 10_000, at_least=True),
            Figure("a step of 26,000 subjects", 1000 * seconds, "ms", 3000),
            Figure("the same again, all dropped", again, "ms"),
            Figure("a row with its index entry", bytes_per_row, "bytes", 200),
            Figure("a value", bytes_per_row / len(names_of("vm")), "bytes"),
            Figure("a day at 26,000 subjects", bytes_per_row * len(of) * 2880 / 2**30, "GiB"),
            Figure("rolling up 2 h", 1000 * rolling, "ms"),
            Figure("of that, each 5 minutes", 1000 * rolling / 24, "ms", 3000),
            Figure("rows rolled up", rolled, "rows"),
            Figure("read 1 h of a VM", milliseconds(lambda: read(timedelta(hours=1))), "ms", 50),
            Figure(
                "read 24 h of a VM, 2 h of it there",
                milliseconds(lambda: read(timedelta(hours=24))),
                "ms",
                50,
            ),
            Figure(
                "read 30 days of a VM, 2 h of it there",
                milliseconds(lambda: read(timedelta(days=30))),
                "ms",
                100,
            ),
            Figure(
                "newest values of 1,000 hosts",
                milliseconds(lambda: STORE.latest("host", hosts, ["cpu_percent"], 3 * STEP)),
                "ms",
                100,
            ),
        ],
    )
