"""The balancing log of clusters: bounded, however long something lasts."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db.models import Count, F
from django.utils import timezone

from apps.balancing.loads import HostLoad
from apps.balancing.models import BalancingPolicy, Decision, Outcome
from apps.compute.models import Vm
from apps.lifecycle.models import Operation

#: The same outcome for the same host is a new line only after this.
SAME_LINE = timedelta(hours=1)
KEPT = timedelta(days=30)


def note(
    rules: BalancingPolicy,
    host: HostLoad,
    outcome: Outcome,
    values: Mapping[str, Any],
    *,
    vm: Vm | None = None,
    target: HostLoad | None = None,
    operation: Operation | None = None,
) -> None:
    """Write a line, or count it where the last line of the host says the same and is not old yet."""
    now = timezone.now()
    last = (
        Decision.objects.filter(cluster=rules.pk, host=UUID(host.id), at__gt=now - SAME_LINE)
        .order_by("-at")
        .first()
    )
    if (
        last is not None
        and last.outcome == outcome != Outcome.MOVED
        and last.vm_id == (vm.pk if vm else None)
    ):
        Decision.objects.filter(pk=last.pk).update(last_at=now, times=F("times") + 1, values=dict(values))
        return
    Decision.objects.create(
        cluster_id=rules.pk,
        host_id=host.id,
        target_id=target.id if target else None,
        vm=vm,
        operation=operation,
        outcome=outcome,
        values=dict(values),
        at=now,
        last_at=now,
    )


def noted_moves(clusters: Collection[int], since: datetime) -> dict[int, int]:
    """Return how many moves each cluster has had since then."""
    moved = Decision.objects.filter(cluster__in=clusters, outcome=Outcome.MOVED, at__gt=since)
    return dict(moved.order_by().values_list("cluster").annotate(Count("pk")))


def forget_old() -> int:
    """Delete lines older than KEPT; return how many."""
    return Decision.objects.filter(last_at__lt=timezone.now() - KEPT).delete()[0]
