"""What state clusters are in: derived from their hosts or from the last check of their pool, never stored."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from django.db import models
from django.db.models import Case, Count, Q, QuerySet, Value, When
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from apps.infrastructure.models import SILENCE, ComputeCluster, StorageCluster
from apps.lifecycle.models import State
from apps.lifecycle.state_labels import StateLabel
from apps.lifecycle.times import written

#: A storage cluster is checked every minute.
OLD = timedelta(minutes=10)


class ClusterStatus(models.TextChoices):
    """Of a compute cluster."""

    AVAILABLE = "available", gettext_lazy("Available")
    DEGRADED = "degraded", gettext_lazy("Degraded")
    SCHEDULING_DISABLED = "scheduling_disabled", gettext_lazy("Scheduling disabled")
    UNREACHABLE = "unreachable", gettext_lazy("Unreachable")
    EMPTY = "empty", gettext_lazy("No hosts")


class PoolStatus(models.TextChoices):
    """Of a storage cluster."""

    AVAILABLE = "available", gettext_lazy("Available")
    UNREACHABLE = "unreachable", gettext_lazy("Unreachable")
    UNCHECKED = "unchecked", gettext_lazy("Not checked yet")


_TONES = {
    ClusterStatus.AVAILABLE: "ok",
    ClusterStatus.DEGRADED: "warn",
    ClusterStatus.SCHEDULING_DISABLED: "warn",
    ClusterStatus.UNREACHABLE: "error",
}


def with_hosts(clusters: QuerySet[ComputeCluster]) -> QuerySet[ComputeCluster]:
    """Annotate compute clusters with what their status follows from.

    known: hosts that have reported at least once. healthy: those that report now. open: those of them that take VMs.
    """
    healthy = Q(hosts__state=State.READY, hosts__last_report_at__gt=Now() - SILENCE)
    annotated: QuerySet[Any] = clusters.annotate(
        known_count=Count("hosts", filter=~Q(hosts__state=State.PENDING)),
        healthy_count=Count("hosts", filter=healthy),
        open_count=Count("hosts", filter=healthy & Q(hosts__accepts_vms=True)),
    )
    return annotated


def status_of_cluster(cluster: Any) -> ClusterStatus:
    """Return the status of a compute cluster; of one that was not read `with_hosts`, at the cost of a query."""
    if not hasattr(cluster, "known_count"):
        cluster = with_hosts(ComputeCluster.objects.filter(pk=cluster.pk)).get()
    if not cluster.known_count:
        return ClusterStatus.EMPTY
    if not cluster.healthy_count:
        return ClusterStatus.UNREACHABLE
    if not cluster.open_count:
        return ClusterStatus.SCHEDULING_DISABLED
    return ClusterStatus.DEGRADED if cluster.healthy_count < cluster.known_count else ClusterStatus.AVAILABLE


def cluster_conditions() -> Mapping[str, Q]:
    """Return the condition of each status, for rows `with_hosts`."""
    alive, open_ = Q(healthy_count__gt=0), Q(open_count__gt=0)
    some_lost = Q(healthy_count__lt=models.F("known_count"))
    return {
        ClusterStatus.AVAILABLE: alive & open_ & ~some_lost,
        ClusterStatus.DEGRADED: alive & open_ & some_lost,
        ClusterStatus.SCHEDULING_DISABLED: alive & Q(open_count=0),
        ClusterStatus.UNREACHABLE: Q(known_count__gt=0, healthy_count=0),
        ClusterStatus.EMPTY: Q(known_count=0),
    }


def cluster_label(cluster: Any) -> StateLabel:
    """Return the state of a compute cluster `with_hosts` as lists show it."""
    status = status_of_cluster(cluster)
    reason = ""
    if status == ClusterStatus.DEGRADED:
        lost = cluster.known_count - cluster.healthy_count
        reason = ngettext("%(n)s host is unreachable.", "%(n)s hosts are unreachable.", lost) % {"n": lost}
    elif status == ClusterStatus.UNREACHABLE:
        reason = _("No host of the cluster reports.")
    elif status == ClusterStatus.SCHEDULING_DISABLED:
        reason = _("Scheduling is disabled on all available hosts.")
    elif status == ClusterStatus.EMPTY:
        reason = _("Enrol a host first.")
    return StateLabel(status.label, _TONES.get(status, "off"), reason=reason, code=status)


def status_of_pool(pool: StorageCluster) -> PoolStatus:
    """Return the status of a storage cluster."""
    if pool.observed_at is None:
        return PoolStatus.UNCHECKED
    return PoolStatus.UNREACHABLE if timezone.now() - pool.observed_at > OLD else PoolStatus.AVAILABLE


def pool_conditions() -> Mapping[str, Q]:
    """Return the condition of each status of a storage cluster."""
    since = Now() - OLD
    return {
        PoolStatus.AVAILABLE: Q(observed_at__gte=since),
        PoolStatus.UNREACHABLE: Q(observed_at__lt=since),
        PoolStatus.UNCHECKED: Q(observed_at=None),
    }


def pool_label(pool: StorageCluster) -> StateLabel:
    """Return the state of a storage cluster as lists show it."""
    status = status_of_pool(pool)
    if status == PoolStatus.UNREACHABLE and pool.observed_at is not None:
        reason = _("Not checked since %(time)s.") % {"time": written(pool.observed_at)}
        return StateLabel(status.label, "error", reason=reason, code=status)
    if status == PoolStatus.UNCHECKED:
        return StateLabel(status.label, "off", reason=_("No host has checked it yet."), code=status)
    return StateLabel(status.label, "ok", code=status)


def cluster_order() -> Case:
    """Return what lists of compute clusters `with_hosts` are sorted by: available ones first."""
    return _order(cluster_conditions())


def pool_order() -> Case:
    """Return what lists of storage clusters are sorted by: available ones first."""
    return _order(pool_conditions())


def _order(conditions: Mapping[str, Q]) -> Case:
    cases = [When(condition, then=Value(place)) for place, condition in enumerate(conditions.values())]
    return Case(*cases, output_field=models.IntegerField())
