"""Taking in what hosts report of themselves: capacity, load, and which VMs run.

The collector runs every two seconds on some worker. A report is taken once: `last_report_at` holds when the last one
taken was sent. What the host says of VMs goes to `listeners`, since VMs stand above hosts.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import connection, transaction
from django.utils import timezone
from django.utils.translation import gettext_noop as _

from apps.drivers.errors import DriverError
from apps.drivers.memory import memory_report
from apps.drivers.reports import HostReport
from apps.drivers.specs import HostObservation
from apps.infrastructure import backends, inbox
from apps.infrastructure.models import SILENCE, Host
from apps.lifecycle import push
from apps.lifecycle.models import Event, Resource, State
from apps.lifecycle.told import Kept, keep_error

log = logging.getLogger(__name__)

#: Memory a host keeps for itself: a twentieth, and at least this much.
LEAST_RESERVE_MIB = 1024

#: Seconds between two pushes about a cluster's load.
TOLD = 10
#: Somewhat longer than the time between two rounds of the collector.
LOOKED = timedelta(seconds=4)

# Rows are locked in the order in which placement takes several; one statement, so that placement does not wait long.
_MEASURE = """
WITH heard AS (
    SELECT * FROM unnest(%s::uuid[], %s::timestamptz[], %s::float8[], %s::int[]) AS h(id, at, load, memory)
), held AS (
    SELECT resource_id AS id FROM infrastructure_host WHERE resource_id IN (SELECT id FROM heard)
     ORDER BY resource_id FOR NO KEY UPDATE
)
UPDATE infrastructure_host SET last_report_at = heard.at, load_percent = heard.load, memory_used_mib = heard.memory
  FROM held JOIN heard USING (id) WHERE resource_id = held.id
"""
_INVENTORY = (
    "architecture",
    "cpu_model",
    "virtualisation",
    "hypervisor_version",
    "agent_version",
    "boot_id",
    "vcpus",
    "memory_mib",
    "vcpu_capacity",
    "memory_capacity_mib",
)
_BATCH = 200


@dataclass(frozen=True)
class Reading:
    """A report just taken. `rebooted`: the host has been off since the one before, and its VMs with it."""

    host: Host
    report: HostReport
    rebooted: bool


#: Called with all reports of one round.
listeners: list[Callable[[Sequence[Reading]], None]] = []
#: Called with hosts that have just become out of reach, or have just come back.
reach_listeners: list[Callable[[Sequence[Host]], None]] = []


def collect() -> int:
    """Take every report that is new; return how many."""
    hosts = list(Host.objects.select_related("cluster"))
    before = _newest(hosts)
    silent = {host.pk for host in hosts if not host.in_reach}
    readings = [
        Reading(host, report, rebooted=bool(host.boot_id) and host.boot_id != report.boot_id)
        for host, report in _reports(hosts)
        if host.last_report_at is None or report.sent_at > host.last_report_at
    ]
    changed = [reading.host for reading in readings if _take(reading)]
    _write_measures([reading.host for reading in readings])
    for reading in readings:
        _judge(reading.host)
    _tell_of_load(before, _newest(hosts))
    gone = _tell_of_silence(hosts)
    back = [reading.host for reading in readings if reading.host.pk in silent and reading.host.in_reach]
    for listen in listeners:
        listen(readings)
    if gone or back:
        for tell in reach_listeners:
            tell([*gone, *back])
    # Last, since the boot id stands in it: should anything above fail, the next report shows the reboot again.
    _write(changed, _INVENTORY)
    return len(readings)


def _write_measures(hosts: Sequence[Host]) -> None:
    rows = [(host.pk, host.last_report_at, host.load_percent, host.memory_used_mib) for host in hosts]
    if rows:
        with connection.cursor() as cursor:
            cursor.execute(_MEASURE, [list(column) for column in zip(*rows, strict=True)])


@transaction.atomic
def _write(hosts: Sequence[Host], columns: Sequence[str]) -> None:
    """Save columns of many hosts, their rows locked in the order in which placement takes several."""
    rows = Host.objects.select_for_update(of=("self",), no_key=True).filter(
        pk__in=[host.pk for host in hosts]
    )
    list(rows.order_by("pk").values_list("pk"))
    Host.objects.bulk_update(hosts, columns, batch_size=_BATCH)


def _reports(hosts: Sequence[Host]) -> list[tuple[Host, HostReport]]:
    real = [host for host in hosts if host.driver != "memory"]
    found = [
        (host, report)
        for host in hosts
        if host.driver == "memory"
        and (report := memory_report(backends.memory_world(), host.name, backends.memory_capacity(host)))
    ]
    return found + inbox.new_reports(real)


def _newest(hosts: Sequence[Host]) -> dict[int, datetime]:
    """Return cluster → time of the newest report taken from its hosts."""
    newest: dict[int, datetime] = {}
    for host in hosts:
        if host.last_report_at is not None:
            newest[host.cluster_id] = max(
                host.last_report_at, newest.get(host.cluster_id, host.last_report_at)
            )
    return newest


def _tell_of_load(before: Mapping[int, datetime], after: Mapping[int, datetime]) -> None:
    """Have pages that show a cluster's load look again: once in `TOLD`, not with every report of 1,000 hosts."""
    for cluster, at in after.items():
        if cluster not in before or before[cluster].timestamp() // TOLD != at.timestamp() // TOLD:
            push.row_changed("compute_cluster", cluster)


def _tell_of_silence(hosts: Sequence[Host]) -> list[Host]:
    """Have pages look at hosts that have just become out of reach: silence is no event, so nothing else tells."""
    now = timezone.now()
    gone = [
        host
        for host in hosts
        if host.last_report_at is not None and SILENCE <= now - host.last_report_at < SILENCE + LOOKED
    ]
    for host in gone:
        push.resource_changed(host)
    return gone


def _take(reading: Reading) -> bool:
    """Copy a report to the host's columns (not saved); return whether its inventory changed."""
    host, report = reading.host, reading.report
    before = [getattr(host, name) for name in _INVENTORY]
    _copy_inventory(host, report.observation)
    host.agent_version, host.boot_id = report.agent_version, report.boot_id
    host.last_report_at = report.sent_at
    host.load_percent = report.observation.load_percent
    host.memory_used_mib = report.observation.memory_used_mib
    return before != [getattr(host, name) for name in _INVENTORY]


def _copy_inventory(host: Host, seen: HostObservation) -> None:
    host.architecture, host.cpu_model = seen.architecture, seen.cpu_model
    host.virtualisation, host.hypervisor_version = seen.virtualisation, seen.hypervisor_version
    host.vcpus, host.memory_mib = seen.vcpus, seen.memory_mib
    host.vcpu_capacity = int(seen.vcpus * host.cluster.cpu_overcommit)
    host.memory_capacity_mib = max(seen.memory_mib - max(LEAST_RESERVE_MIB, seen.memory_mib // 20), 0)


def _judge(host: Host) -> None:
    """Take a host in at its first report, or refuse it when its CPUs are not its cluster's (CL-1)."""
    fits = host.architecture == host.cluster.architecture
    state = State.READY if fits else State.ERROR
    if host.state == state:
        return
    host.state = state
    host.error = {} if fits else _misfit(host)
    Resource.objects.filter(pk=host.pk).update(state=host.state, error=host.error, updated_at=timezone.now())
    Event.objects.create(
        resource=host,
        code="host.taken_in" if fits else "host.refused",
        message=_("Its agent reported.") if fits else _("Its CPUs are not those of its cluster."),
    )
    push.resource_changed(host)


def _misfit(host: Host) -> Kept:
    return keep_error(
        DriverError(
            _("Its CPUs are %(its)s, those of cluster %(cluster)s are %(wanted)s."),
            values={"its": host.architecture, "cluster": host.cluster, "wanted": host.cluster.architecture},
            code="host.architecture",
            hint=_("Remove it and enrol it in a cluster of its kind."),
        )
    )
