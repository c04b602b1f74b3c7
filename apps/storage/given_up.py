"""What is taken back when an operation on a disk ended otherwise than done; in the transaction that ends it."""

from __future__ import annotations

from django.utils import timezone

from apps.infrastructure.space import release_space
from apps.lifecycle.models import Operation, Resource, State
from apps.lifecycle.models.operation import Stopping
from apps.quotas.services import release_quota
from apps.storage.models import Disk
from apps.storage.qos import set_effective

#: Argument of an expand: whether the one before it has grown the volume was not known yet.
UNSETTLED = "unsettled"


def forget_expand(operation: Operation) -> None:
    """Return size, quota and space to what they were, unless the volume may have grown: `settle_sizes` finds out."""
    if _may_have_grown(operation):
        return
    disk = Disk.objects.select_related("cluster").filter(pk=operation.target_id).first()
    if disk is not None and disk.size_before_gib is not None:
        give_back(disk)


def give_back(disk: Disk) -> None:
    """Return a disk, whose cluster has been fetched, to the size that it had before its expand."""
    assert disk.size_before_gib is not None
    more = disk.size_gib - disk.size_before_gib
    disk.size_gib, disk.size_before_gib = disk.size_before_gib, None
    set_effective(disk)
    Disk.objects.filter(pk=disk.pk).update(
        size_gib=disk.size_gib,
        size_before_gib=None,
        iops=disk.iops,
        bytes_per_second=disk.bytes_per_second,
    )
    if disk.tenant_id is not None:
        release_quota(disk.tenant_id, {"disk_gib": more})
    release_space(disk.cluster_id, more)


def _may_have_grown(operation: Operation) -> bool:
    """Whether a worker has started to grow the volume, in this operation or in one before it that ended so.

    Read again: a worker may have started since `operation` was read.
    """
    if operation.args.get(UNSETTLED):
        return True
    return Operation.objects.filter(pk=operation.pk, stopping=Stopping.TOO_LATE).exists()


def mark_untaken(operation: Operation) -> None:
    """Leave in error the snapshots that were to be taken beside the operation's target and have not been."""
    args = operation.args
    ids = [*args.get("snapshots", ()), *([args["first"]] if args.get("first") else ())]
    if ids:
        untaken = Resource.objects.filter(pk__in=ids, state=State.PENDING)
        untaken.update(state=State.ERROR, error=operation.error, updated_at=timezone.now())
