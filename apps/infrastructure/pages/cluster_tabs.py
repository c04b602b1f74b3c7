"""What the tabs of a compute cluster show. All of it is bounded: a cluster may have 1,000 hosts and 25,000 VMs."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.db.models import Count
from django.urls import NoReverseMatch, reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from apps.infrastructure.cluster_status import ClusterStatus, status_of_cluster
from apps.infrastructure.load import load_of
from apps.infrastructure.models import Host
from apps.infrastructure.pages.attention import cluster_attention
from apps.infrastructure.pages.figures import load_bar, load_figures, memory_bar, vcpu_bar
from apps.infrastructure.pages.heat_cells import heat_context
from apps.infrastructure.pages.trends import busiest_hosts, cpu_trend
from apps.lifecycle.selectors import with_open_operations
from apps.portal.charts import CLUSTER_CHARTS, monitoring
from apps.portal.detail import DetailPage, Tab

#: Rows of a tab; the list that it links to has them all.
MOST = 100
MOST_TENANTS = 20


def _overview(page: DetailPage, row: Any) -> dict[str, Any]:
    hosts = Host.objects.filter(cluster=row)
    load = load_of(hosts)
    return {
        "groups": page.properties(row),
        "load": load,
        "figures": load_figures(load) if load.hosts else [],
        "looks": cluster_attention(row),
        "trend": cpu_trend(hosts) if load.in_reach else "",
        "busiest": busiest_hosts(hosts) if load.in_reach else [],
        "heat_more": page.of.url(page.area, "tab.hosts", row),
        **heat_context(page, hosts),
    }


def _hosts(page: DetailPage, row: Any) -> dict[str, Any]:
    hosts = with_open_operations(
        Host.objects.filter(cluster=row).select_related("cluster").annotate(vm_count=Count("vms"))
    )
    shown = [
        {"row": host, "cpu": load_bar(host), "vcpu": vcpu_bar(host), "memory": memory_bar(host)}
        for host in hosts.order_by("name")[:MOST]
    ]
    return {"hosts": shown, "total": row.host_count, "all_url": list_url("host.list", cluster=row.pk)}


def _tenants(page: DetailPage, row: Any) -> dict[str, Any]:
    return {"tenants": [] if row.open_to_all else row.tenants.order_by("name")}


def list_url(name: str, **query: object) -> str:
    """Return the path of a list of the administration, narrowed; "" where there is none."""
    try:
        return f"{reverse(f'admin:{name}')}?{urlencode(query)}"
    except NoReverseMatch:
        return ""


def _why_nothing_new(row: Any) -> str:
    status = status_of_cluster(row)
    if status == ClusterStatus.EMPTY:
        return gettext("The cluster has no hosts. No metrics are collected.")
    if status == ClusterStatus.UNREACHABLE:
        return gettext("No host of the cluster is reachable. No metrics are collected.")
    return ""


TABS = (
    Tab("", _("Overview"), "infrastructure/cluster_overview.html", _overview),
    monitoring(CLUSTER_CHARTS, "api:compute-clusters-metrics", _why_nothing_new),
    Tab("hosts", _("Hosts"), "infrastructure/cluster_hosts.html", _hosts),
    Tab("tenants", _("Tenants"), "infrastructure/cluster_tenants.html", _tenants),
)
