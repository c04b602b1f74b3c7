"""What the pages of hosts and clusters show of VMs and instance types: bounded, as a cluster may have 25,000 VMs."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.db.models import Count, Q, Sum

from apps.compute.pages.on_home import LATEST, vm_states, with_trends
from apps.compute.pages.vms import VM
from apps.compute.selectors import visible_vms
from apps.compute.verbs import VM_MIGRATE
from apps.infrastructure.models import Host
from apps.infrastructure.pages.cluster_tabs import MOST, MOST_TENANTS, list_url
from apps.infrastructure.pages.figures import GIB, MIB_PER_GIB, memory_bar, size
from apps.lifecycle.legality import open_operation, possibility
from apps.lifecycle.selectors import with_open_operations
from apps.metrics.active_store import store
from apps.portal.detail import DetailPage
from apps.portal.kinds import Do, Offer

#: Most VMs a host's page names; the list it links to has them all.
MOST_VMS = 300
#: Older samples say nothing about now.
RECENT = timedelta(minutes=3)


def host_vms(page: DetailPage, row: Any) -> dict[str, Any]:
    """Return a host's VMs with what they use now, the busiest first."""
    rows = list(with_open_operations(row.vms.select_related("tenant", "host").order_by("name"))[:MOST_VMS])
    loads = store().latest("vm", [str(vm.pk) for vm in rows], ("cpu_percent", "memory_bytes"), RECENT)
    migrate = next(do for do in VM.all_actions if do.verb is VM_MIGRATE)
    shown = [
        {**_with_load(vm, loads.get(str(vm.pk), {})), "migrate": _migrate(page, migrate, vm)} for vm in rows
    ]
    shown.sort(key=lambda each: (-(each["cpu"] or -1), each["row"].name))
    return {"vms": shown, "total": row.vms.count(), "all_url": list_url("vm.list", host=row.pk)}


def _with_load(vm: Any, load: dict[str, float]) -> dict[str, Any]:
    cpu, memory, limit = load.get("cpu_percent"), load.get("memory_bytes"), vm.memory_mib / MIB_PER_GIB
    used = memory / GIB if memory is not None else None
    return {
        "row": vm,
        "cpu": cpu,
        "cpu_text": f"{cpu:.0f}\N{NO-BREAK SPACE}%" if cpu is not None else "",
        "memory_gib": limit,
        "memory_used_gib": used,
        "memory_text": f"{size(used)} / {size(limit)}" if used is not None else size(limit),
    }


def _migrate(page: DetailPage, do: Do, vm: Any) -> Offer:
    """Return the button that moves a VM to another host: of 300 rows that one verb alone is judged."""
    return Offer(do, possibility(VM_MIGRATE, vm, open_operation(vm)), VM.url(page.area, "migrate", vm))


def cluster_vms(page: DetailPage, row: Any) -> dict[str, Any]:
    """Return how many VMs each host and each tenant has in a cluster."""
    sums = {"vms": Count("pk"), "vcpu": Sum("vcpu"), "memory": Sum("memory_mib")}
    tenants = row.vms.order_by().values("tenant__uid", "tenant__name").annotate(**sums)
    hosts = Host.objects.filter(cluster=row, vms__isnull=False).annotate(
        vm_count=Count("vms"), running=Count("vms", filter=Q(vms__power_seen="on"))
    )
    return {
        "hosts": [
            {"row": host, "url": list_url("vm.list", host=host.pk), "memory": memory_bar(host)}
            for host in hosts.order_by("-vm_count", "name")[:MOST]
        ],
        "tenants": [
            {
                **each,
                "memory": each["memory"] // MIB_PER_GIB,
                "url": list_url("vm.list", cluster=row.pk, tenant=each["tenant__uid"]),
            }
            for each in tenants.order_by("-vms", "tenant__name")[:MOST_TENANTS]
        ],
        "total": row.vms.count(),
        "all_url": list_url("vm.list", cluster=row.pk),
    }


def host_card(page: DetailPage, row: Any) -> dict[str, Any]:
    """Return a host's busiest VMs with their load in the last hour."""
    keys = [str(pk) for pk in row.vms.order_by("pk").values_list("pk", flat=True)[:MOST_VMS]]
    loads = store().latest("vm", keys, ("cpu_percent",), RECENT)
    keys.sort(key=lambda key: -loads.get(key, {}).get("cpu_percent", -1))
    vms = with_open_operations(visible_vms(page.actor).filter(pk__in=keys[:LATEST]))
    rows = sorted(vms, key=lambda vm: keys.index(str(vm.pk)))
    return {"rows": with_trends(rows), "total": row.vms.count(), "all_url": list_url("vm.list", host=row.pk)}


def cluster_card(page: DetailPage, row: Any) -> dict[str, Any]:
    """Return how many VMs of a cluster are in which state; naming some of 25,000 would double the page's time."""
    url = list_url("vm.list", cluster=row.pk)
    return {"states": vm_states(row.vms.all(), url), "all_url": url}


def cluster_types(page: DetailPage, row: Any) -> dict[str, Any]:
    """Return the instance types that a cluster offers."""
    return {
        "types": row.instance_types.order_by("vcpu", "memory_gib")[:MOST],
        "all_url": list_url("instance_type.list", cluster=row.pk),
    }
