"""What the tabs of a storage cluster show: space, connection, health, rebuild, tenants."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.db.models import Count, QuerySet, Sum
from django.utils.formats import number_format
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from apps.drivers.specs import PoolHealth, Severity
from apps.infrastructure.connection import Connection, Reach, connection_of
from apps.infrastructure.disk_speed import speed_rule
from apps.infrastructure.models import StorageCluster
from apps.infrastructure.pages.cluster_tabs import MOST_TENANTS
from apps.infrastructure.pages.figures import GIB, Figure, pool_figures, size, whole
from apps.infrastructure.pages.health_texts import CheckText, check_text
from apps.infrastructure.pool_health import Rebuild, health_of, rebuild_of
from apps.infrastructure.pool_states import HEALTH_NAMES, label_of
from apps.lifecycle.state_labels import StateLabel
from apps.portal import html
from apps.portal.charts import POOL_CHARTS, charts_beside
from apps.portal.detail import DetailPage, Properties, Property

MIB = 1 << 20


@dataclass(frozen=True)
class HealthCard:
    """A pool's health as its page shows it. lines: facts; checks: what is wrong, errors first."""

    state: StateLabel
    lines: list[tuple[str, str]]
    checks: list[CheckText]
    rebuild: Rebuild | None
    rebuild_text: str = ""


def overview(page: DetailPage, row: StorageCluster) -> dict[str, Any]:
    """Return space as figures, connection and health, charts, and what each tenant has."""
    # Disks stand above storage clusters: they are reached by the name of their relation.
    sums = {"disks": Count("pk"), "gib": Sum("size_gib")}
    tenants: QuerySet[Any] = row.disks.order_by().values("tenant__uid", "tenant__name").annotate(**sums)
    health, seen = health_of(row), connection_of(row)
    return {
        "groups": page.properties(row),
        "figures": [*pool_figures([row]), *_raw_figure(health)] if row.observed_at else [],
        "connection": seen if seen.reach in (Reach.FAILED, Reach.NO_ANSWER) else None,
        "health": _health_card(row, health) if health else None,
        "tenants": tenants.order_by("-gib", "tenant__name")[:MOST_TENANTS],
        **charts_beside(page, row, "api:storage-clusters-metrics", why_nothing_new(row), POOL_CHARTS[:1]),
    }


def why_nothing_new(row: StorageCluster) -> str:
    """Say why nothing is measured of a cluster now, "" when it is."""
    seen = connection_of(row)
    if seen.reach is Reach.FAILED:
        return seen.message
    return _("The storage cluster has not been checked yet.") if row.observed_at is None else ""


def connection_state(seen: Connection) -> StateLabel:
    """Return the state of the connection to a cluster."""
    return label_of(seen.reach.value, seen.message)


def connection_pill(row: StorageCluster) -> SafeString:
    """Return the state of the connection as shown."""
    return html.pill(connection_state(connection_of(row)))


def speed_properties(row: StorageCluster) -> Properties:
    """Return the rule for the speed of new disks."""
    rule = speed_rule(row)
    lines = [
        Property(_("Operations per second"), _growing(rule.iops, rule.iops_per_gib, rule.iops_most)),
        Property(_("MiB per second"), _growing(rule.mib, rule.mib_per_gib, rule.mib_most)),
        Property(
            _("Burst"),
            _("%(times)s times for %(seconds)s s") % {"times": rule.burst, "seconds": rule.burst_seconds}
            if rule.burst > 1
            else _("none"),
        ),
    ]
    if row.speed_due_at is not None:
        lines.append(Property(_("Existing disks"), _("The rule is being applied.")))
    return Properties(_("Performance of new disks"), lines)


def applies(row: StorageCluster) -> list[str]:
    """Say what applying the rule to existing disks means."""
    return [
        _("Every disk of %(name)s gets the limits of the rule, also while its VM runs.") % {"name": row},
        _("Disks with their own limits keep them, unless these exceed the rule."),
    ]


def _growing(base: float, per_gib: float, most: float) -> str:
    if not per_gib:
        return _("%(base)s for every disk") % {"base": whole(min(base, most))}
    return _("%(base)s and %(gain)s for each GiB, at most %(most)s") % {
        "base": whole(base),
        "gain": number_format(per_gib),
        "most": whole(most),
    }


def _raw_figure(health: PoolHealth | None) -> list[Figure]:
    if health is None or not health.raw_capacity_bytes:
        return []
    used, capacity = health.raw_used_bytes / GIB, health.raw_capacity_bytes / GIB
    note = _("of %(size)s, before replication") % {"size": size(capacity)}
    return [Figure(_("Raw space used"), size(used), used, capacity, note)]


def _health_card(row: StorageCluster, health: PoolHealth) -> HealthCard:
    rebuild = rebuild_of(row)
    replicas = _("%(n)s, data is served with at least %(least)s") % {
        "n": health.replicas,
        "least": health.replicas_needed,
    }
    domains = {"host": _("host"), "osd": _("disk (OSD)"), "rack": _("rack"), "datacenter": _("data centre")}
    osds = _("%(all)s, %(up)s up, %(in)s in") % {
        "all": health.osds,
        "up": health.osds_up,
        "in": health.osds_in,
    }
    order = (Severity.ERROR, Severity.WARNING, Severity.OK)
    return HealthCard(
        state=label_of(HEALTH_NAMES[health.severity]),
        lines=[
            (_("Replicas"), replicas),
            (_("Each replica on another"), domains.get(health.failure_domain, health.failure_domain or "–")),
            (_("OSDs"), osds),
        ],
        checks=[check_text(check) for check in sorted(health.checks, key=lambda c: order.index(c.severity))],
        rebuild=rebuild,
        rebuild_text=_rebuild_text(rebuild) if rebuild else "",
    )


def _rebuild_text(rebuild: Rebuild) -> str:
    left = _("%(n)s object copies left") % {"n": whole(rebuild.left)}
    if rebuild.seconds_left is None:
        return _("%(left)s, no progress now") % {"left": left}
    return _("%(left)s, %(speed)s MiB/s, about %(time)s left") % {
        "left": left,
        "speed": number_format(rebuild.bytes_per_second / MIB, 1),
        "time": _long(rebuild.seconds_left),
    }


def _long(seconds: int) -> str:
    if seconds < 90:
        return _("%(n)s s") % {"n": seconds}
    if seconds < 90 * 60:
        return _("%(n)s min") % {"n": round(seconds / 60)}
    return _("%(n)s h") % {"n": number_format(seconds / 3600, 1)}
