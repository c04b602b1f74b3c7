"""Whether a cluster's VMs still have room after the loss of hosts, and keeping that room free."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.db.models import F
from django.utils.translation import gettext as _

from apps.infrastructure.models import ComputeCluster, Host
from apps.infrastructure.need import Need
from apps.infrastructure.reachability import silent_since
from apps.lifecycle.errors import NoCapacity
from apps.lifecycle.models import State

#: Hosts of which a cluster can keep the room free.
MOST_SPARE_HOSTS = 100


@dataclass(frozen=True)
class Room:
    """What one host has, and what of it is promised: vCPUs, and memory in MiB."""

    vcpu_capacity: int
    vcpu_reserved: int
    memory_capacity_mib: int
    memory_reserved_mib: int


@dataclass(frozen=True)
class Survival:
    """Whether `lost` hosts may fail, and what is missing otherwise. `hosts`: how many there are."""

    lost: int
    hosts: int
    vcpu_missing: int = 0
    memory_missing_mib: int = 0

    @property
    def survives(self) -> bool:
        """Whether the others have room for what the lost ones had."""
        return self.hosts > self.lost and not self.vcpu_missing and not self.memory_missing_mib


def survival(cluster: ComputeCluster, lost: int = 0) -> Survival:
    """Return whether a cluster survives the loss of `lost` of its hosts; by default as many as it reserves, or one."""
    return survives(_rooms(cluster), lost or cluster.spare_hosts or 1)


def survives(rooms: Sequence[Room], lost: int, more: Need | None = None) -> Survival:
    """Judge by sums, for the worst choice of hosts: what all promise must fit into what the smallest others have.

    A sum can fit where one large VM does not: this says that there is room, not where.
    """
    vcpu = sum(room.vcpu_reserved for room in rooms) + (more.vcpu if more else 0)
    memory = sum(room.memory_reserved_mib for room in rooms) + (more.memory_mib if more else 0)
    kept = max(len(rooms) - lost, 0)
    vcpu_left = sum(sorted(room.vcpu_capacity for room in rooms)[:kept])
    memory_left = sum(sorted(room.memory_capacity_mib for room in rooms)[:kept])
    return Survival(lost, len(rooms), max(vcpu - vcpu_left, 0), max(memory - memory_left, 0))


def leave_spare(cluster: ComputeCluster, need: Need, count: int) -> None:
    """Refuse VMs that would take the room kept for the loss of hosts. Call with the cluster's row locked."""
    more = Need(need.vcpu * count, need.memory_mib * count)
    if not survives(_rooms(cluster), cluster.spare_hosts, more).survives:
        raise NoCapacity(
            _("Cluster %(name)s keeps its remaining capacity for the failure of hosts.") % {"name": cluster},
            field="instance_type",
            hint=_("Choose a smaller instance type or another cluster, or ask the administrator."),
        )


def _rooms(cluster: ComputeCluster) -> list[Room]:
    """Return the rooms of hosts that work: VMs of others are on their way to these."""
    works = Host.objects.filter(
        cluster=cluster, failure="", state=State.READY, last_report_at__gt=silent_since()
    )
    rows = works.order_by().values_list(
        F("vcpu_capacity"), F("vcpu_reserved"), F("memory_capacity_mib"), F("memory_reserved_mib")
    )
    return [Room(*row) for row in rows]
