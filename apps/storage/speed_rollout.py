"""Applying a storage cluster's rule for speed to the disks that it has, some at a time, by an operation for each."""

from __future__ import annotations

from django.db.models import OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce

from apps.infrastructure.models import StorageCluster
from apps.lifecycle import push
from apps.lifecycle.actor import SYSTEM
from apps.lifecycle.errors import Refused
from apps.lifecycle.models import Operation, State
from apps.storage.models import Disk
from apps.storage.qos import above_rule, kept_limits
from apps.storage.services.disk import set_disk_limits
from apps.storage.verbs import DISK_SET_LIMITS

#: Disks of a cluster in one round: more would keep other operations waiting.
MOST = 50


def apply_due_rules() -> None:
    """Request the next operations. Busy disks wait for a later round; a cluster without waiting disks is done."""
    for cluster in StorageCluster.objects.filter(speed_due_at__isnull=False):
        disks = list(_waiting(cluster)[:MOST])
        for disk in disks:
            try:
                set_disk_limits(SYSTEM, disk, **kept_limits(disk))
            except Refused:
                continue
        if not disks:
            same = StorageCluster.objects.filter(pk=cluster.pk, speed_due_at=cluster.speed_due_at)
            same.update(speed_due_at=None)
            push.row_changed("storage_cluster", cluster.pk)


def _waiting(cluster: StorageCluster) -> QuerySet[Disk]:
    """Return the disks that have had no such operation since it was requested.

    Those with limits of their own keep these, unless they are above the rule.
    """
    last = Operation.objects.filter(verb=DISK_SET_LIMITS.name, target_id=OuterRef("pk"))
    done_at = Subquery(last.order_by("-created_at").values("created_at")[:1])
    due = Q(iops_set=None, bytes_set=None) | above_rule(cluster)
    disks = Disk.objects.select_related("cluster").filter(due, cluster=cluster, state=State.READY)
    # At random: disks that stay busy must not keep the others from their turn.
    return (
        disks.annotate(done_at=Coalesce(done_at, cluster.created_at))
        .filter(done_at__lt=cluster.speed_due_at)
        .order_by("?")
    )
