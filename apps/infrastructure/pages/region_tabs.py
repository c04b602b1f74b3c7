"""What a region's page shows: its clusters with their load, its pools, what needs a look."""

from __future__ import annotations

from typing import Any

from django.db.models import Count

from apps.infrastructure.load import Load, load_of, loads_by
from apps.infrastructure.models import ComputeCluster, Host, Region, StorageCluster
from apps.infrastructure.pages.attention import attention_items
from apps.infrastructure.pages.cluster_tabs import list_url
from apps.infrastructure.pages.figures import bytes_bar, load_figures, memory_bar, pool_figures, vcpu_bar
from apps.infrastructure.pages.trends import cpu_trend
from apps.infrastructure.readiness import checks_of
from apps.portal.detail import DetailPage


def overview(page: DetailPage, row: Region) -> dict[str, Any]:
    """Return the region's figures; a constant number of queries."""
    hosts = Host.objects.filter(region=row)
    load, loads = load_of(hosts), loads_by(hosts, "cluster_id")
    pools = list(StorageCluster.objects.filter(region=row).select_related("region"))
    # VMs stand above clusters: they are counted by the name of their relation.
    clusters = (
        ComputeCluster.objects.filter(region=row).select_related("region").annotate(vms_here=Count("vms"))
    )
    drawn = [_drawn(cluster, loads.get(cluster.pk, Load())) for cluster in clusters]
    return {
        "groups": page.properties(row),
        "load": load,
        "trend": cpu_trend(hosts) if load.in_reach else "",
        "figures": [*load_figures(load), *pool_figures(pools)] if load.hosts or pools else [],
        "clusters": drawn,
        "vm_count": sum(each["row"].vms_here for each in drawn),
        "vms_url": list_url("vm.list", region=row.name),
        "pools": [{"row": pool, "used": bytes_bar(pool.used_bytes, pool.capacity_bytes)} for pool in pools],
        "looks": attention_items(row),
        "checks": [] if row.open_to_tenants else checks_of(row),
    }


def _drawn(cluster: Any, load: Load) -> dict[str, Any]:
    return {"row": cluster, "load": load, "vcpu": vcpu_bar(load), "memory": memory_bar(load)}
