"""What the hosts of a cluster have for a VM, and why those that cannot take it cannot."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from django.db import connection
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from apps.infrastructure.models import SILENCE, ComputeCluster
from apps.infrastructure.need import Need
from apps.lifecycle.errors import NoCapacity
from apps.lifecycle.times import written


@dataclass(frozen=True)
class Reason:
    """Why `count` hosts do not take a VM, in words with figures."""

    code: str
    text: str
    count: int


class CapacityForecast(NamedTuple):
    """What a cluster's hosts have for a VM: how many there are, on how many it fits, how many such VMs fit at most."""

    total: int
    fitting: int
    room: int
    reasons: list[Reason]


# Judged where the rows are: to bring a thousand of them here would take twenty times as long.
_JUDGED = """
SELECT r.name, r.state, r.error, h.last_report_at,
       h.vcpu_capacity, h.vcpu_capacity - h.vcpu_reserved AS vcpu_free,
       h.memory_capacity_mib, h.memory_capacity_mib - h.memory_reserved_mib AS memory_free,
       CASE WHEN r.state <> 'ready' THEN 'not_ready'
            WHEN h.last_report_at IS NULL OR h.last_report_at <=  -- as `silent_since` in reachability.py
                 least((SELECT at FROM infrastructure_collection), statement_timestamp())
                 - make_interval(secs => %(silence)s) OR h.failure <> '' THEN 'out_of_reach'
            WHEN NOT h.accepts_vms THEN 'closed'
            WHEN h.memory_capacity_mib - h.memory_reserved_mib < %(memory)s THEN 'memory'
            WHEN h.vcpu_capacity - h.vcpu_reserved < %(vcpu)s THEN 'vcpu'
            ELSE '' END AS code
  FROM infrastructure_host h JOIN lifecycle_resource r ON r.id = h.resource_id
 WHERE h.cluster_id = %(cluster)s
"""
# Of each group the figures of the host that has most left.
_FORECAST = f"""
SELECT code, count(*), sum(least(vcpu_free / %(vcpu)s, memory_free / %(memory)s)),
       max(vcpu_free), (array_agg(vcpu_capacity ORDER BY vcpu_free DESC))[1],
       max(memory_free), (array_agg(memory_capacity_mib ORDER BY memory_free DESC))[1]
  FROM ({_JUDGED}) hosts GROUP BY code
"""  # noqa: S608
_MISFITS = f"""
SELECT name, code, error ->> 'message', last_report_at, vcpu_free, vcpu_capacity, memory_free, memory_capacity_mib
  FROM ({_JUDGED}) hosts WHERE code <> '' ORDER BY name
"""  # noqa: S608

#: In the order they are shown: first a lack of capacity, which a smaller VM could avoid.
_CODES = ("memory", "vcpu", "closed", "out_of_reach", "not_ready")


def capacity_forecast(cluster: ComputeCluster, need: Need) -> CapacityForecast:
    """Return how many hosts of the cluster have room for such a VM now, and why the others have none: one query."""
    groups = {row[0]: row[1:] for row in _rows(_FORECAST, cluster, need)}
    fitting, room, *_rest = groups.pop("", (0, 0))
    reasons = [
        Reason(code, _grouped(code, *groups[code]), groups[code][0]) for code in _CODES if code in groups
    ]
    return CapacityForecast(fitting + sum(reason.count for reason in reasons), fitting, int(room), reasons)


def hosts_without_room(cluster: ComputeCluster, need: Need) -> dict[str, dict[str, str]]:
    """Return code → host's name → why it takes no such VM, for administrators: one query."""
    found: dict[str, dict[str, str]] = {}
    for name, code, message, seen, *figures in _rows(_MISFITS, cluster, need):
        found.setdefault(code, {})[name] = _own(code, need, message, seen, *figures)
    return found


def _rows(statement: str, cluster: ComputeCluster, need: Need) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(
            statement,
            {
                "cluster": cluster.pk,
                "vcpu": need.vcpu,
                "memory": need.memory_mib,
                "silence": SILENCE.total_seconds(),
            },
        )
        return list(cursor.fetchall())


def no_capacity(cluster: ComputeCluster, seen: CapacityForecast, count: int) -> NoCapacity:
    """Return the refusal for what `capacity_forecast` saw. It names no host: tenants read it."""
    if not seen.total:
        message = _("Cluster %(name)s has no hosts.") % {"name": cluster}
    elif seen.fitting:
        message = _("Cluster %(name)s cannot place %(count)s such VMs at once.") % {
            "name": cluster,
            "count": count,
        }
    else:
        reasons = "; ".join(reason.text for reason in seen.reasons)
        message = _("No host in cluster %(name)s has enough capacity. %(reasons)s.") % {
            "name": cluster,
            "reasons": reasons,
        }
    return NoCapacity(
        message,
        field="instance_type",
        hint=_("Choose a smaller instance type or another cluster, or ask the administrator."),
        details={
            "hosts": seen.total,
            "fitting": seen.fitting,
            "room": seen.room,
            "reasons": [
                {"code": reason.code, "hosts": reason.count, "text": reason.text} for reason in seen.reasons
            ],
        },
    )


def _own(
    code: str,
    need: Need,
    message: str | None,
    seen: datetime | None,
    vcpu_free: int,
    vcpus: int,
    memory_free: int,
    memory: int,
) -> str:
    if code == "not_ready":
        return message or _("has not reported yet")
    if code == "out_of_reach":
        return _("unreachable since %(time)s") % {"time": written(seen) if seen is not None else "–"}
    if code == "closed":
        return _("scheduling is disabled")
    if code == "memory":
        return _("needs %(need).4g GiB of memory, %(free).4g of %(all).4g GiB free") % {
            "need": need.memory_mib / 1024,
            "free": max(memory_free, 0) / 1024,
            "all": memory / 1024,
        }
    return _("needs %(need)s vCPUs, %(free)s of %(all)s free") % {
        "need": need.vcpu,
        "free": max(vcpu_free, 0),
        "all": vcpus,
    }


def _grouped(code: str, n: int, _room: int, vcpu_free: int, vcpus: int, memory_free: int, memory: int) -> str:
    """Say once what goes for several hosts, with the figures of the one that has most left."""
    texts = {
        "memory": ngettext("%(n)s host has too little memory", "%(n)s hosts have too little memory", n),
        "vcpu": ngettext("%(n)s host has too few vCPUs", "%(n)s hosts have too few vCPUs", n),
        "closed": ngettext("%(n)s host has scheduling disabled", "%(n)s hosts have scheduling disabled", n),
        "out_of_reach": ngettext("%(n)s host is unreachable", "%(n)s hosts are unreachable", n),
        "not_ready": ngettext("%(n)s host is not ready", "%(n)s hosts are not ready", n),
    }
    text = texts[code] % {"n": n}
    if code == "memory":
        free = (
            _("%(free).4g of %(all).4g GiB free") if n == 1 else _("at most %(free).4g of %(all).4g GiB free")
        )
        return f"{text}: {free % {'free': max(memory_free, 0) / 1024, 'all': memory / 1024}}"
    if code == "vcpu":
        free = _("%(free)s of %(all)s free") if n == 1 else _("at most %(free)s of %(all)s free")
        return f"{text}: {free % {'free': max(vcpu_free, 0), 'all': vcpus}}"
    return text
