"""Reading hosts and VMs as judging and planning want them: a constant number of queries."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db.models import BooleanField, ExpressionWrapper, Q
from django.utils import timezone
from django.utils.translation import gettext_noop as _

from apps.balancing.loads import MIB, HostLoad, VmLoad
from apps.balancing.models import BalancingPolicy
from apps.compute.models import Power, Vm
from apps.compute.verbs import VM_MIGRATE, VM_RECOVER
from apps.infrastructure.models import Host, Liveness
from apps.infrastructure.reachability import silent_since
from apps.lifecycle.models import Operation, State
from apps.metrics.active_store import store

#: Older samples of a VM say nothing of now.
RECENT = timedelta(minutes=3)
_COLUMNS = (
    "pk",
    "cluster_id",
    "name",
    "driver",
    "virtualisation",
    "cpu_model",
    "state",
    "accepts_vms",
    "failure",
    "liveness",
    "vcpus",
    "memory_mib",
    "vcpu_capacity",
    "vcpu_reserved",
    "memory_capacity_mib",
    "memory_reserved_mib",
    "load_percent",
    "memory_used_mib",
)


@dataclass(frozen=True)
class HostRow:
    """A host with its cluster. failing: it failed, or is silent: nothing is moved in its cluster then."""

    load: HostLoad
    cluster: int
    failing: bool
    busy: bool


def read_hosts(clusters: Collection[int]) -> list[HostRow]:
    """Return the hosts of clusters in three queries; busy are those with an open task or migration."""
    wanted = Q(cluster_id__in=clusters)
    heard = ExpressionWrapper(Q(last_report_at__gt=silent_since()), BooleanField())
    ready = Host.objects.filter(wanted, state=State.READY).annotate(heard=heard)
    rows = list(ready.order_by("name").values(*_COLUMNS, "heard"))
    moving = Vm.objects.filter(wanted, next_host__isnull=False)
    migrating = {host for pair in moving.values_list("host_id", "next_host_id") for host in pair}
    open_ = Operation.objects.open().filter(target_kind="host", exclusive=True)
    busy = set(open_.values_list("target_id", flat=True))
    return [_host(row, row["pk"] in migrating, row["pk"] in busy) for row in rows]


def _host(row: dict[str, Any], migrating: bool, busy: bool) -> HostRow:
    failing = bool(row["failure"]) or row["liveness"] != Liveness.ALIVE or not row["heard"]
    memory = 100 * row["memory_used_mib"] / row["memory_mib"] if row["memory_mib"] else 0.0
    load = HostLoad(
        id=str(row["pk"]),
        name=row["name"],
        kin="|".join((str(row["cluster_id"]), row["driver"], row["virtualisation"], row["cpu_model"])),
        threads=row["vcpus"],
        memory_mib=row["memory_mib"],
        vcpu_capacity=row["vcpu_capacity"],
        vcpu_reserved=row["vcpu_reserved"],
        memory_capacity_mib=row["memory_capacity_mib"],
        memory_reserved_mib=row["memory_reserved_mib"],
        cpu=row["load_percent"],
        memory=memory,
        open=row["accepts_vms"] and not failing,
        quiet=not (migrating or busy or failing),
    )
    return HostRow(load, row["cluster_id"], failing, busy)


def read_vms(where: Q, policies: dict[int, BalancingPolicy]) -> list[VmLoad]:
    """Return VMs with what they use and why they may not move, in three queries. policies: by cluster."""
    rows = list(
        Vm.objects.filter(where, host__isnull=False)
        .order_by("pk")
        .values_list(
            "pk",
            "name",
            "cluster_id",
            "host_id",
            "vcpu",
            "memory_mib",
            "resize_vcpu",
            "resize_memory_mib",
            "state",
            "power_seen",
            "pause_reason",
            "next_host_id",
        )
    )
    # As text, in one array parameter: 25,000 ids as parameters each would be too many.
    used = store().latest("vm", [str(row[0]) for row in rows], ("cpu_percent", "memory_bytes"), RECENT)
    taken, moved = _tasks(policies)
    return [_vm(row, used.get(str(row[0]), {}), row[0] in taken, row[0] in moved) for row in rows]


def _tasks(policies: dict[int, BalancingPolicy]) -> tuple[set[Any], set[Any]]:
    """Return the VMs with an open task, and those that were moved within the pause of their cluster."""
    taken = set(
        Operation.objects.open().filter(target_kind="vm", exclusive=True).values_list("target_id", flat=True)
    )
    if not policies:
        return taken, set()
    now = timezone.now()
    pauses = {number: timedelta(minutes=rules.pause_minutes) for number, rules in policies.items()}
    lately = Operation.objects.filter(
        verb__in=[VM_MIGRATE.name, VM_RECOVER.name], created_at__gt=now - max(pauses.values())
    ).values_list("target_id", "created_at", "resource__as_vm__cluster_id")
    return taken, {vm for vm, at, cluster in lately if cluster in pauses and at > now - pauses[cluster]}


def _vm(row: Sequence[Any], used: dict[str, float], taken: bool, moved: bool) -> VmLoad:
    pk, name, _cluster, host, vcpu, memory, more_vcpu, more_memory, state, power, paused, next_host = row
    on = power == Power.ON
    need_vcpu, need_memory = max(vcpu, more_vcpu or 0), max(memory, more_memory or 0)
    measured = used.get("memory_bytes")
    return VmLoad(
        id=str(pk),
        name=name,
        host=str(host),
        vcpu=need_vcpu,
        memory_mib=need_memory,
        # Of the vCPUs it has now; those of a size to come are not measured.
        cpu=used.get("cpu_percent", 0.0) * vcpu / max(need_vcpu, 1) if on else 0.0,
        used_mib=min(int(measured / MIB), memory) if measured is not None else memory,
        on=on,
        why_not=_why_not(state, bool(paused) and on, next_host is not None, taken, moved),
    )


def _why_not(state: str, paused: bool, moving: bool, taken: bool, moved: bool) -> str:
    """Return why a VM may not move, as a template to be translated; "" when it may."""
    if state != State.READY:
        return _("The VM is not ready.")
    if moving:
        return _("The VM is being migrated.")
    if taken:
        return _("A task of the VM is running.")
    if paused:
        return _("The VM is paused.")
    return _("The VM was moved a short while ago.") if moved else ""
