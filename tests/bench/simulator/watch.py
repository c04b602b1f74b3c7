"""Looking at a site from outside while it works: ages of reports, queues, CPU, and how long operations took."""

from __future__ import annotations

import threading
import time
from contextlib import closing
from dataclasses import dataclass
from typing import Any

from django.db import connection, connections
from redis import Redis

from apps.lifecycle.models import Operation, OperationStatus
from tests.bench.processes import control_plane, tree
from tests.bench.report import Figure
from tests.bench.simulator.site import Site

CONTROL = ("web", "worker", "beat")
_AGES = """
SELECT percentile_cont(0.95) WITHIN GROUP (ORDER BY age), max(age), count(*) FILTER (WHERE age > 20)
  FROM (SELECT extract(epoch FROM clock_timestamp() - last_report_at)::float AS age FROM infrastructure_host) a
"""


def percentile(values: list[float], share: float) -> float:
    """Return the value that `share` of 100 are not above; NaN of nothing."""
    ordered = sorted(values)
    return ordered[min(int(len(ordered) * share / 100), len(ordered) - 1)] if ordered else float("nan")


def groups(site: Site) -> dict[str, list[int]]:
    """Return the PIDs of the control plane's processes, and of the simulated hosts."""
    hosts = [pid for process in site.fleet.processes for pid in tree(process.pid)]
    return {**control_plane(site.platform, CONTROL), "simulator": hosts}


def wal_bytes() -> int:
    """Return how much PostgreSQL has written to its log since it was set up."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_current_wal_lsn() - '0/0'")
        return int(cursor.fetchone()[0])


class Watch:
    """Looks once a second, until the block ends or for as long as `look` is told."""

    def __init__(self, site: Site) -> None:
        self._redis = Redis.from_url(site.platform.instance.settings()["REDIS_URL"])
        self._queues = [f"host.{name}" for name in site.fleet.keys]
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._look_until_told)
        self.ages: list[float] = []
        self.oldest = 0.0
        self.out_of_reach = 0
        self.doorbell: list[float] = []
        self.orders: list[float] = []
        self.open: list[float] = []

    def __enter__(self) -> Watch:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join()

    def look(self, seconds: float) -> None:
        """Look for so long."""
        with self:
            time.sleep(seconds)

    def figures(self) -> list[Figure]:
        """Return what was seen."""
        return [
            Figure("age of a host's newest report, p95", percentile(self.ages, 95), "s"),
            Figure("the oldest there was", self.oldest, "s", 20),
            Figure("hosts unreachable", self.out_of_reach, ""),
            Figure(
                "control queue, p95",
                percentile(self.doorbell, 95),
                "",
            ),
            Figure("orders on hosts' queues, p95", percentile(self.orders, 95), ""),
            Figure("operations open, p95", percentile(self.open, 95), ""),
        ]

    def _look_until_told(self) -> None:
        with closing(connections["default"]):
            while not self._end.wait(1):
                self._look_once()

    def _look_once(self) -> None:
        with connection.cursor() as cursor:
            cursor.execute(_AGES)
            age, oldest, silent = cursor.fetchone()
        self.ages.append(age)
        self.oldest = max(self.oldest, oldest)
        self.out_of_reach = max(self.out_of_reach, silent)
        self.open.append(Operation.objects.open().count())
        pipe: Any = self._redis.pipeline(transaction=False)
        for queue in ("control", *self._queues):
            pipe.llen(queue)
        doorbell, *orders = pipe.execute()
        self.doorbell.append(doorbell)
        self.orders.append(sum(orders))


@dataclass(frozen=True)
class Settling:
    """How long operations of one verb took, in seconds, and how many settled in each."""

    p50: float
    p95: float
    per_second: float


def settling(verb: str) -> Settling:
    """Return how long the operations of a verb took that are there and done."""
    rows = list(
        Operation.objects.filter(verb=verb, status=OperationStatus.DONE)
        .order_by("finished_at")
        .values_list("created_at", "finished_at")
    )
    took = [(finished - created).total_seconds() for created, finished in rows if finished]
    span = (rows[-1][1] - rows[0][1]).total_seconds() if len(rows) > 1 and rows[0][1] and rows[-1][1] else 0
    return Settling(percentile(took, 50), percentile(took, 95), len(rows) / span if span else 0)
