"""Taking in what hosts report of themselves: capacity, load, and which VMs run.

The collector runs every two seconds on some worker. A report is taken once: `report_sent_at` holds when the last one
taken was sent, by the host's clock, `last_report_at` when it was taken, by PostgreSQL's. What the host says of VMs goes
to `listeners`, since VMs stand above hosts.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import chain

import msgspec
from django.db import connection

from apps.drivers.reports import HostReport
from apps.infrastructure import backends, reachability
from apps.infrastructure.models import SILENCE, Host
from apps.infrastructure.reported_inventory import INVENTORY, judge, take
from apps.lifecycle import push
from apps.lifecycle.clock import database_now
from apps.lifecycle.slots import Slot

log = logging.getLogger(__name__)

#: Seconds between two pushes about a cluster's load.
LOAD_PUSH_SECONDS = 10
#: Somewhat longer than the time between two rounds of the collector.
ROUND = timedelta(seconds=4)

_MEASURED = ("last_report_at", "report_sent_at", "load_percent", "memory_used_mib")
# Rows are locked in the order in which placement takes several. One statement, since placement waits for these rows and
# Django's bulk_update takes a second for every hundred hosts.
_WRITE = """
WITH held AS (
    SELECT resource_id AS id FROM infrastructure_host WHERE resource_id = ANY(%s::uuid[])
     ORDER BY resource_id FOR NO KEY UPDATE
)
UPDATE infrastructure_host SET {columns}
  FROM held JOIN jsonb_populate_recordset(NULL::infrastructure_host, %s::jsonb) AS new ON new.resource_id = held.id
 WHERE infrastructure_host.resource_id = held.id
"""


@dataclass(frozen=True)
class Reading:
    """A report just taken. `rebooted`: the host has been off since the one before, and its VMs with it."""

    host: Host
    report: HostReport
    rebooted: bool
    taken_at: datetime

    @property
    def seen_at(self) -> datetime:
        """When what it says was so: by the host's clock, but never later than it was taken."""
        return min(self.report.sent_at, self.taken_at)


#: Called with all reports of one round.
listeners: Slot[Callable[[Sequence[Reading]], None]] = Slot()
#: Called with hosts that have just become unreachable, or have just come back.
reach_listeners: Slot[Callable[[Sequence[Host]], None]] = Slot()


def collect() -> int:
    """Take every report that is new; return how many."""
    hosts = list(Host.objects.select_related("cluster"))
    now = database_now()
    before = _newest(hosts)
    silent = {host.pk for host in hosts if not host.in_reach_at(now)}
    readings = [
        Reading(host, report, bool(host.boot_id) and host.boot_id != report.boot_id, now)
        for host, report in _reports(hosts)
        if _is_new(host, report, now)
    ]
    changed = [reading.host for reading in readings if take(reading.host, reading.report, now)]
    _write([reading.host for reading in readings], _MEASURED)
    for reading in readings:
        judge(reading.host)
    reachability.collection_recorded_now()
    _push_load(before, _newest(hosts))
    gone = _push_unreachable(hosts, now)
    back = [reading.host for reading in readings if reading.host.pk in silent]
    for listen in listeners:
        listen(readings)
    if gone or back:
        for listen_reach in reach_listeners:
            listen_reach([*gone, *back])
    # Last, since the boot id stands in it: should anything above fail, the next report shows the reboot again.
    _write(changed, INVENTORY)
    return len(readings)


def _write(hosts: Sequence[Host], columns: Sequence[str]) -> None:
    """Save columns of many hosts."""
    if not hosts:
        return
    rows = [{name: getattr(host, name) for name in ("resource_id", *columns)} for host in hosts]
    statement = _WRITE.format(columns=", ".join(f"{name} = new.{name}" for name in columns))
    with connection.cursor() as cursor:
        cursor.execute(statement, [[host.pk for host in hosts], msgspec.json.encode(rows).decode()])


def _reports(hosts: Sequence[Host]) -> list[tuple[Host, HostReport]]:
    by_driver: dict[str, list[Host]] = {}
    for host in hosts:
        by_driver.setdefault(host.driver, []).append(host)
    found = (backends.HOST_DRIVERS[driver].reports(of_driver) for driver, of_driver in by_driver.items())
    return list(chain.from_iterable(found))


def _newest(hosts: Sequence[Host]) -> dict[int, datetime]:
    """Return cluster → time of the newest report taken from its hosts."""
    newest: dict[int, datetime] = {}
    for host in hosts:
        if host.last_report_at is not None:
            newest[host.cluster_id] = max(
                host.last_report_at, newest.get(host.cluster_id, host.last_report_at)
            )
    return newest


def _push_load(before: Mapping[int, datetime], after: Mapping[int, datetime]) -> None:
    """Have pages of a cluster read its load again: once in `LOAD_PUSH_SECONDS`, not with every report."""
    for cluster, at in after.items():
        if (
            cluster not in before
            or before[cluster].timestamp() // LOAD_PUSH_SECONDS != at.timestamp() // LOAD_PUSH_SECONDS
        ):
            push.row_changed("compute_cluster", cluster)


def _push_unreachable(hosts: Sequence[Host], now: datetime) -> list[Host]:
    """Have pages look at hosts that have just become unreachable: silence is no event, so nothing else pushes them."""
    gone = [
        host
        for host in hosts
        if host.last_report_at is not None and SILENCE <= now - host.last_report_at < SILENCE + ROUND
    ]
    for host in gone:
        push.resource_changed(host)
    return gone


def _is_new(host: Host, report: HostReport, now: datetime) -> bool:
    """Whether a report was not taken yet.

    One older than the last by the host's clock counts once nothing newer comes: then that clock has been set back.
    """
    if host.report_sent_at is None or host.last_report_at is None or report.sent_at > host.report_sent_at:
        return True
    return report.sent_at < host.report_sent_at and now - host.last_report_at > SILENCE / 2
