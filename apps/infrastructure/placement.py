"""Choosing hosts for VMs and promising them the room, in the transaction that creates the VMs.

New VMs are spread (CL-5): of the healthy hosts that have room, those with the smallest share promised come first, and
chance decides between nearly equal ones, so that parallel creates do not all want the same row. A promise is one
conditional UPDATE, so hosts cannot be overbooked however many run at once.

Locks: call this when the transaction has all others it needs. A single VM then holds one host's row and waits for
nothing more; batches, which hold several, queue on their cluster's row. So no two can wait for each other in a circle.
"""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass, replace
from uuid import UUID

from django.db.models import F, FloatField, Q, QuerySet, Value
from django.db.models.functions import Cast, Greatest

from apps.infrastructure import survival
from apps.infrastructure.capacity_forecast import capacity_forecast, no_capacity
from apps.infrastructure.models import ComputeCluster, Failure, Host
from apps.infrastructure.need import Need
from apps.infrastructure.reachability import silent_since
from apps.lifecycle.models import State

#: Hosts whose promised shares differ by less than this count as equal.
NEARLY = 0.05
#: So many of the least promised hosts are looked at for one VM of a request.
CHOICES = 4
#: How often to look again when others took the room between looking and promising.
TRIES = 8


@dataclass(frozen=True)
class _Candidate:
    id: UUID
    vcpu_free: int
    vcpu_capacity: int
    memory_free: int
    memory_capacity: int

    @property
    def share(self) -> float:
        """Share promised of what is scarcer on it, from 0 to 1."""
        return max(1 - self.vcpu_free / self.vcpu_capacity, 1 - self.memory_free / self.memory_capacity)

    def fits(self, need: Need) -> bool:
        return self.vcpu_free >= need.vcpu and self.memory_free >= need.memory_mib

    def less(self, need: Need) -> _Candidate:
        return replace(
            self, vcpu_free=self.vcpu_free - need.vcpu, memory_free=self.memory_free - need.memory_mib
        )


def place(
    cluster: ComputeCluster, need: Need, count: int = 1, *, among: Q | None = None, reserved: bool = True
) -> list[UUID]:
    """Promise room for `count` VMs and return the id of each one's host. Raises NoCapacity, and promises nothing.

    `among`: what their hosts must be beside that. `reserved`: leave free what the cluster keeps for the loss of hosts;
    False for VMs that the cluster has already.
    """
    keeps = reserved and cluster.spare_hosts > 0
    if count > 1 or keeps:
        ComputeCluster.objects.select_for_update(no_key=True).get(pk=cluster.pk)
    if keeps:
        survival.leave_spare(cluster, need, count)
    for _attempt in range(TRIES):
        chosen = _spread(_candidates(cluster, need, count, among), need, count)
        if not chosen:
            break
        # A host that was closed since it was read takes none any more.
        if _reserve(Counter(chosen), need, Q(accepts_vms=True)):
            return chosen
    raise no_capacity(cluster, capacity_forecast(cluster, need), count)


def reserve_more(host_id: UUID, more: Need) -> bool:
    """Promise more room on a host that has a VM already; False, and nothing is promised, when it has too little.

    Call last in the transaction, as with `place`. That the host takes no new VMs does not matter to those it has.
    """
    return _reserve(Counter([host_id]), more, Q())


def release(host_id: UUID | None, need: Need) -> None:
    """Take a promise back. Call last in the transaction, as with `place`."""
    if host_id is None:
        return
    Host.objects.filter(pk=host_id).update(
        vcpu_reserved=Greatest(F("vcpu_reserved") - need.vcpu, Value(0)),
        memory_reserved_mib=Greatest(F("memory_reserved_mib") - need.memory_mib, Value(0)),
    )


def leave_failed(host_id: UUID, need: Need) -> bool:
    """Take back the promise of a host that is certainly off; False when it is not, or returns. Call it last."""
    return bool(
        Host.objects.filter(pk=host_id, failure=Failure.OFF).update(
            vcpu_reserved=Greatest(F("vcpu_reserved") - need.vcpu, Value(0)),
            memory_reserved_mib=Greatest(F("memory_reserved_mib") - need.memory_mib, Value(0)),
        )
    )


def healthy(cluster: ComputeCluster) -> QuerySet[Host]:
    """Return the hosts of the cluster that take new VMs now."""
    return Host.objects.filter(
        cluster=cluster,
        accepts_vms=True,
        failure="",
        state=State.READY,
        last_report_at__gt=silent_since(),
    )


def _candidates(cluster: ComputeCluster, need: Need, count: int, among: Q | None) -> list[_Candidate]:
    share = Greatest(
        Cast("vcpu_reserved", FloatField()) / F("vcpu_capacity"),
        Cast("memory_reserved_mib", FloatField()) / F("memory_capacity_mib"),
    )
    rows = (
        healthy(cluster)
        .filter(
            among or Q(),
            vcpu_capacity__gte=F("vcpu_reserved") + need.vcpu,
            memory_capacity_mib__gte=F("memory_reserved_mib") + need.memory_mib,
        )
        .order_by(share)
        .values_list("pk", "vcpu_reserved", "vcpu_capacity", "memory_reserved_mib", "memory_capacity_mib")
    )
    return [
        _Candidate(pk, vcpus - vcpus_used, vcpus, memory - memory_used, memory)
        for pk, vcpus_used, vcpus, memory_used, memory in rows[: CHOICES * count]
    ]


def _spread(candidates: list[_Candidate], need: Need, count: int) -> list[UUID]:
    """Return a host id for each VM, [] when they do not all fit."""
    chosen: list[UUID] = []
    # Within a batch nobody competes, so it is spread exactly.
    near = NEARLY if count == 1 else 0
    for _vm in range(count):
        candidates = [candidate for candidate in candidates if candidate.fits(need)]
        if not candidates:
            return []
        least = min(candidate.share for candidate in candidates)
        picked = random.choice([c for c in candidates if c.share <= least + near][:CHOICES])  # noqa: S311
        chosen.append(picked.id)
        candidates[candidates.index(picked)] = picked.less(need)
    return chosen


def _reserve(counts: Counter[UUID], need: Need, still: Q) -> bool:
    """Promise on every host or on none; False when one of them filled up meanwhile."""
    promised: list[tuple[UUID, Need]] = []
    for host_id in sorted(counts):
        total = Need(need.vcpu * counts[host_id], need.memory_mib * counts[host_id])
        done = Host.objects.filter(
            still,
            pk=host_id,
            vcpu_capacity__gte=F("vcpu_reserved") + total.vcpu,
            memory_capacity_mib__gte=F("memory_reserved_mib") + total.memory_mib,
        ).update(
            vcpu_reserved=F("vcpu_reserved") + total.vcpu,
            memory_reserved_mib=F("memory_reserved_mib") + total.memory_mib,
        )
        if not done:
            for earlier, room in promised:
                release(earlier, room)
            return False
        promised.append((host_id, total))
    return True
