"""What needs an administrator's attention: each line names a problem and links to the page to solve it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import urlencode

from django.db.models import Count, F, Q, QuerySet
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from apps.accounts.verbs import TENANT_RECOUNT
from apps.audit.models import AuditEntry
from apps.drivers.specs import Severity
from apps.infrastructure import usage_levels
from apps.infrastructure.connection import Reach, connection_of
from apps.infrastructure.load import fresh, loads_by
from apps.infrastructure.maintenance import is_spared
from apps.infrastructure.models import ComputeCluster, Failure, Host, Liveness, Region, StorageCluster
from apps.infrastructure.pages.health_texts import check_text
from apps.infrastructure.pool_health import health_of, rebuild_of
from apps.infrastructure.selectors import HOSTS_FOR_AVAILABILITY, cluster_warnings
from apps.lifecycle.models import Operation, OperationStatus, State
from apps.lifecycle.selectors import with_open_operations
from apps.lifecycle.slots import Slot
from apps.lifecycle.state_labels import state_label
from apps.lifecycle.times import written
from apps.quotas.filters import nearly_used_up
from apps.quotas.metrics import metrics

#: Shares from which something counts as nearly full, in percent.
NEARLY_FULL = 85
FULL = 95
#: So many hosts, quotas and so on are named; the rest are counted.
NAMED = 8
LATELY = timedelta(days=1)
#: A storage cluster is observed twice a minute.
OLD = timedelta(minutes=10)


@dataclass(frozen=True)
class AttentionItem:
    """One line. tone: "error" or "warn"."""

    tone: str
    text: str
    url: str
    detail: str = ""


#: Asked beside the platform's own; filled by apps that stand above this one.
more: Slot[Callable[[Region | None], Iterator[AttentionItem]]] = Slot()


def attention_items(region: Region | None = None) -> list[AttentionItem]:
    """Return what is wrong on the platform, or in one region, errors first; a constant number of queries."""
    found = [*_stopped_failover(region), *_hosts(region), *_clusters(region), *_pools(region)]
    if region is None:
        found += [*_failed(), *_quotas(), *_drift()]
    for looks in more:
        found += looks(region)
    return sorted(found, key=lambda look: look.tone)


def cluster_attention(cluster: ComputeCluster) -> list[AttentionItem]:
    """Return what is wrong in one compute cluster, errors first."""
    url = reverse("admin:compute_cluster.tab.hosts", args=[cluster.pk])
    warnings = [AttentionItem("warn", text, url) for text in cluster_warnings(cluster)]
    found = [*_odd_hosts(Host.objects.filter(cluster=cluster)), *warnings]
    return sorted(found, key=lambda look: look.tone)


def _hosts(region: Region | None) -> Iterator[AttentionItem]:
    yield from _odd_hosts(Host.objects.filter(region=region) if region else Host.objects.all())


def _odd_hosts(hosts_in: QuerySet[Host]) -> Iterator[AttentionItem]:
    odd = hosts_in.filter(~fresh()).select_related("cluster")
    hosts = list(with_open_operations(odd.order_by("name"))[: NAMED + 1])
    for host in hosts[:NAMED]:
        word = state_label(host)
        text = _("%(host)s: %(state)s") % {"host": host.name, "state": word.word}
        reason = word.reason or str(host.cluster)
        yield AttentionItem(
            "warn" if word.tone == "warn" else "error",
            text,
            reverse("admin:host.one", args=[host.pk]),
            reason,
        )
    if len(hosts) > NAMED:
        more = odd.count() - NAMED
        text = ngettext("%(n)s more host", "%(n)s more hosts", more) % {"n": more}
        yield AttentionItem("error", text, reverse("admin:host.list"), _("not available"))


def _stopped_failover(region: Region | None) -> Iterator[AttentionItem]:
    """Clusters in which so many hosts are silent that none of them is failed over by itself."""
    spared = Host.objects.filter(is_spared())
    hosts = (
        Host.objects.filter(state=State.READY)
        .exclude(failure=Failure.OFF)
        .exclude(pk__in=spared.values("pk"))
    )
    if region is not None:
        hosts = hosts.filter(region=region)
    silent = Count("pk", filter=~Q(liveness=Liveness.ALIVE))
    by_cluster = hosts.order_by().values("cluster_id", "cluster__name", "cluster__alias")
    for row in by_cluster.annotate(all=Count("pk"), silent=silent).filter(silent__gt=F("all") / 2.0):
        yield AttentionItem(
            "error",
            _("%(cluster)s: automatic failover has stopped")
            % {"cluster": row["cluster__alias"] or row["cluster__name"]},
            reverse("admin:compute_cluster.tab.hosts", args=[row["cluster_id"]]),
            _("%(silent)s of %(all)s hosts are silent at once")
            % {"silent": row["silent"], "all": row["all"]},
        )


def _clusters(region: Region | None) -> Iterator[AttentionItem]:
    clusters = ComputeCluster.objects.select_related("region")
    loads = loads_by(Host.objects.all(), "cluster_id")
    for cluster in clusters.filter(region=region) if region else clusters:
        url = reverse("admin:compute_cluster.one", args=[cluster.pk])
        load = loads.get(cluster.pk)
        if load is None:
            continue
        if load.in_reach < HOSTS_FOR_AVAILABILITY:
            text = _("%(cluster)s is not highly available") % {"cluster": cluster}
            detail = _("%(n)s of at least %(least)s hosts") % {
                "n": load.in_reach,
                "least": HOSTS_FOR_AVAILABILITY,
            }
            yield AttentionItem("warn", text, url, detail)
        share = round(100 * max(load.memory_share, load.vcpu_share))
        if share >= NEARLY_FULL:
            what = _("memory") if load.memory_share >= load.vcpu_share else _("vCPUs")
            text = _("%(cluster)s is nearly full") % {"cluster": cluster}
            yield AttentionItem(
                _tone(share),
                text,
                url,
                _("%(share)s %% of its %(what)s allocated") % {"share": share, "what": what},
            )


def _pools(region: Region | None) -> Iterator[AttentionItem]:
    pools = StorageCluster.objects.select_related("region")
    for pool in pools.filter(region=region) if region else pools:
        url = reverse("admin:storage_cluster.one", args=[pool.pk])
        share = usage_levels.percent_used(pool.used_bytes, pool.capacity_bytes)
        if level := usage_levels.level_reached(share):
            text = _("%(pool)s is nearly full") % {"pool": pool}
            tone = "error" if level == usage_levels.FULL else "warn"
            yield AttentionItem(tone, text, url, _("%(share)s %% used") % {"share": share})
        yield from _pool_state(pool, url)


def _pool_state(pool: StorageCluster, url: str) -> Iterator[AttentionItem]:
    """Return what keeps a storage cluster from being used or safe: no connection, no look at it, its own health."""
    seen, health, rebuild = connection_of(pool), health_of(pool), rebuild_of(pool)
    if seen.reach in (Reach.FAILED, Reach.NO_ANSWER):
        text = _("%(pool)s is not connected") % {"pool": pool}
        yield AttentionItem("error", text, url, seen.message)
    elif pool.observed_at is not None and timezone.now() - pool.observed_at > OLD:
        text = _("%(pool)s cannot be checked") % {"pool": pool}
        yield AttentionItem("warn", text, url, _("as of %(time)s") % {"time": written(pool.observed_at)})
    elif health is not None and health.severity is not Severity.OK:
        text = _("%(pool)s: Ceph reports problems") % {"pool": pool}
        detail = " ".join(str(check_text(check).text) for check in health.checks[:2])
        if rebuild is not None:
            detail = f"{detail} {_('Rebuild: %(n)s %% done.') % {'n': rebuild.percent}}"
        yield AttentionItem("error" if health.severity is Severity.ERROR else "warn", text, url, detail)


def _failed() -> Iterator[AttentionItem]:
    since = timezone.now() - LATELY
    failed = Operation.objects.filter(status=OperationStatus.FAILED, created_at__gt=since).count()
    if failed:
        text = ngettext("%(n)s failed task", "%(n)s failed tasks", failed) % {"n": failed}
        url = f"{reverse('admin:operation.list')}?{urlencode({'status': 'failed'})}"
        yield AttentionItem("error", text, url, _("in the last 24 hours"))


def _quotas() -> Iterator[AttentionItem]:
    tight = nearly_used_up().filter(metric__in=metrics())
    rows = list(tight.select_related("tenant").order_by("-used", "pk")[: NAMED + 1])
    for row in rows[:NAMED]:
        metric = metrics()[row.metric]
        text = _("%(tenant)s: %(metric)s") % {"tenant": row.tenant.name, "metric": metric.label}
        detail = _("%(used)s of %(limit)s %(unit)s used") % {
            "used": row.used,
            "limit": row.limit,
            "unit": metric.unit,
        }
        yield AttentionItem("warn", text, reverse("admin:tenant.tab.quotas", args=[row.tenant.uid]), detail)
    if len(rows) > NAMED:
        more = tight.count() - NAMED
        text = ngettext("%(n)s more quota nearly used up", "%(n)s more quotas nearly used up", more) % {
            "n": more
        }
        yield AttentionItem("warn", text, f"{reverse('admin:tenant.list')}?{urlencode({'tight': 'true'})}")


def _drift() -> Iterator[AttentionItem]:
    since = timezone.now() - LATELY
    lines = AuditEntry.objects.filter(verb=TENANT_RECOUNT.name, at__gt=since, user=None).order_by("-at")
    for line in lines[:NAMED]:
        text = _("%(tenant)s: wrong quota usage corrected") % {"tenant": line.target_name}
        detail = ", ".join(
            _("%(metric)s %(used)s instead of %(exists)s") % {"metric": metric, **change}
            for metric, change in line.args.items()
        )
        url = reverse("admin:tenant.tab.quotas", args=[line.target_id])
        yield AttentionItem("warn", text, url, _("Repaired: %(what)s.") % {"what": detail})


def _tone(share: int) -> str:
    return "error" if share >= FULL else "warn"
