"""How busy and how full hosts are, added up by PostgreSQL: one query however many hosts there are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.db.models import Count, F, Q, QuerySet, Sum
from django.db.models.functions import Coalesce, Now

from apps.infrastructure.models import SILENCE, Host
from apps.lifecycle.models import State


@dataclass(frozen=True)
class Load:
    """Hosts by state, and what those in reach have. Memory in MiB; `cpu_percent` is of all their CPU threads.

    `closed` hosts are in reach but take no new VMs; they count as `in_reach` too.
    """

    hosts: int = 0
    in_reach: int = 0
    closed: int = 0
    silent: int = 0
    waiting: int = 0
    refused: int = 0
    threads: int = 0
    vcpu_capacity: int = 0
    vcpu_reserved: int = 0
    memory_mib: int = 0
    memory_used_mib: int = 0
    memory_capacity_mib: int = 0
    memory_reserved_mib: int = 0
    cpu_percent: float = 0

    @property
    def vcpus_per_thread(self) -> float:
        """vCPUs promised per physical thread: the over-commit there is, not the one that is allowed."""
        return self.vcpu_reserved / self.threads if self.threads else 0

    @property
    def memory_share(self) -> float:
        """Share of the memory that is promised, from 0 to 1."""
        return self.memory_reserved_mib / self.memory_capacity_mib if self.memory_capacity_mib else 0

    @property
    def vcpu_share(self) -> float:
        """Share of the vCPUs that is promised, from 0 to 1."""
        return self.vcpu_reserved / self.vcpu_capacity if self.vcpu_capacity else 0


def fresh() -> Q:
    """Return the condition that a host is taken in and has reported lately."""
    return Q(state=State.READY, last_report_at__gt=Now() - SILENCE)


def load_of(hosts: QuerySet[Host]) -> Load:
    """Return what these hosts have, together."""
    return _load(hosts.aggregate(**_sums()))


def loads_by(hosts: QuerySet[Host], column: str) -> dict[Any, Load]:
    """Return the load of each group of hosts, by a column such as "cluster_id"."""
    rows = hosts.order_by().values(column).annotate(**_sums())
    return {row.pop(column): _load(row) for row in rows}


def _load(row: dict[str, Any]) -> Load:
    busy = row.pop("busy")
    return Load(**row, cpu_percent=busy / row["threads"] if row["threads"] else 0)


def _sums() -> dict[str, Any]:
    near = fresh()
    sums: dict[str, Any] = {
        "hosts": Count("pk"),
        "in_reach": Count("pk", filter=near),
        "closed": Count("pk", filter=near & Q(accepts_vms=False)),
        "silent": Count("pk", filter=Q(state=State.READY) & ~near),
        "waiting": Count("pk", filter=Q(state=State.PENDING)),
        "refused": Count("pk", filter=Q(state=State.ERROR)),
        "busy": Coalesce(Sum(F("load_percent") * F("vcpus"), filter=near), 0.0),
    }
    added = {"threads": "vcpus"} | {
        name: name
        for name in (
            "vcpu_capacity",
            "vcpu_reserved",
            "memory_mib",
            "memory_used_mib",
            "memory_capacity_mib",
            "memory_reserved_mib",
        )
    }
    return sums | {name: Coalesce(Sum(column, filter=near), 0) for name, column in added.items()}
