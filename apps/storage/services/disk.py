"""Renaming, retrying, expanding, limiting and deleting disks."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.utils.translation import gettext as _

from apps.accounts.acts import changes, requested
from apps.accounts.labels import relabel
from apps.infrastructure.models import StorageCluster
from apps.infrastructure.space import reserve_space
from apps.lifecycle.errors import Invalid
from apps.lifecycle.in_use import ensure_unused
from apps.lifecycle.models import Operation, Resource
from apps.lifecycle.requests import Change
from apps.quotas.services import reserve_quota
from apps.storage.given_up import UNSETTLED
from apps.storage.models import Disk
from apps.storage.qos import MIB, bounds, set_effective
from apps.storage.services.create_plan import ensure_gives_space, ensure_size
from apps.storage.services.holding import beside, changes_disk
from apps.storage.verbs import (
    DISK_DELETE,
    DISK_EXPAND,
    DISK_FINISH_COPY,
    DISK_RENAME,
    DISK_RETRY,
    DISK_SET_LIMITS,
)

finish_copy = requested(DISK_FINISH_COPY)


@changes_disk(DISK_RETRY)
def retry_disk(change: Change[Disk]) -> Operation:
    """Create a disk that failed. Raises Invalid, Refused where its storage cluster takes no new disks any more."""
    disk = change.row
    cluster = StorageCluster.objects.select_related("region").get(pk=disk.cluster_id)
    ensure_gives_space(change.actor, disk.tenant_id, cluster, "cluster")
    return change.request()


@changes(DISK_RENAME)
def rename_disk(
    change: Change[Disk], name: str | None = None, description: str | None = None, project: UUID | None = None
) -> Resource:
    """Set name, description and project where given. A system disk is always in its VM's project."""
    if project is not None and change.row.is_system:
        raise Invalid(
            {"project": [_("A system disk belongs to the project of its VM. Move the VM instead.")]}
        )
    return relabel(change, name, description, project)  # type: ignore[arg-type]  # a disk is a resource


@changes_disk(DISK_EXPAND)
def expand_disk(change: Change[Disk], *, size_gib: int) -> Operation:
    """Grow a disk, attached or not. Of one whose last expand failed half-way, the same size finishes it.

    Raises Invalid (never smaller), Refused, QuotaExceeded, NoCapacity.
    """
    disk = change.row
    cluster = StorageCluster.objects.select_related("region").get(pk=disk.cluster_id)
    more = size_gib - disk.size_gib
    is_unsettled = disk.size_before_gib is not None
    if more < 0:
        text = _("A disk cannot shrink. It has %(size)s GiB.") % {"size": disk.size_gib}
        raise Invalid({"size_gib": [text]})
    if more == 0 and not disk.error and not is_unsettled:
        raise Invalid({"size_gib": [_("The disk already has %(size)s GiB.") % {"size": disk.size_gib}]})
    ensure_size(size_gib, disk.size_gib, cluster)
    also = beside(change, disk)
    if more:
        ensure_gives_space(change.actor, disk.tenant_id, cluster, "size_gib")
        if disk.tenant_id is not None:
            reserve_quota(disk.tenant_id, {"disk_gib": more})
        _write_size(disk, size_gib, cluster)
    change.bump()
    args: dict[str, Any] = {"size_gib": size_gib}
    if is_unsettled:
        args[UNSETTLED] = True
    operation = change.request(args=args, also=also)
    reserve_space(cluster.pk, more)
    return operation


@changes_disk(DISK_SET_LIMITS)
def set_disk_limits(
    change: Change[Disk], *, iops: int | None = None, bytes_per_second: int | None = None
) -> Operation:
    """Limit a disk, at once where it is in use. None: by the rule of its storage cluster. Raises Invalid."""
    disk = change.row
    disk.cluster = StorageCluster.objects.get(pk=disk.cluster_id)
    _check_limits(disk, iops, bytes_per_second)
    disk.iops_set, disk.bytes_set = iops, bytes_per_second
    set_effective(disk)
    Disk.objects.filter(pk=disk.pk).update(
        iops_set=iops, bytes_set=bytes_per_second, iops=disk.iops, bytes_per_second=disk.bytes_per_second
    )
    change.bump()
    args = {"iops": iops, "bytes_per_second": bytes_per_second}
    return change.request(args=args, also=beside(change, disk))


@changes_disk(DISK_DELETE)
def delete_disk(change: Change[Disk], *, with_snapshots: bool = False) -> Operation:
    """Delete a detached data disk. Raises InUse naming its snapshots, or copies that still read from it."""
    disk = change.row
    snapshots = ensure_deletable(disk, with_snapshots=with_snapshots)
    change.bump()
    return change.request(args={"with_snapshots": with_snapshots}, also=snapshots)


def ensure_deletable(disk: Disk, *, with_snapshots: bool) -> list[Resource]:
    """Return the disk's snapshots, locked. Raises InUse naming them, or copies that still read from the disk."""
    ensure_unused(
        disk,
        Resource.objects.filter(as_disk__copied_from=disk.pk, as_disk__independent_at=None),
        hint=_("Its data is still being copied to these disks. Wait until this has finished."),
    )
    snapshots = Resource.objects.filter(as_snapshot__disk=disk.pk)
    if not with_snapshots:
        hint = _("Delete its snapshots first, or delete the disk with its snapshots.")
        ensure_unused(disk, snapshots, hint=hint)
        return []
    return list(snapshots.order_by("pk").select_for_update(of=("self",), no_key=True))


def _write_size(disk: Disk, size_gib: int, cluster: StorageCluster) -> None:
    # Of a disk that may not have grown when it was expanded last, the size that it has for certain.
    disk.cluster, disk.size_before_gib = cluster, disk.size_before_gib or disk.size_gib
    disk.size_gib = size_gib
    set_effective(disk)
    Disk.objects.filter(pk=disk.pk).update(
        size_gib=size_gib,
        size_before_gib=disk.size_before_gib,
        iops=disk.iops,
        bytes_per_second=disk.bytes_per_second,
    )


def _check_limits(disk: Disk, iops: int | None, bytes_per_second: int | None) -> None:
    allowed, wrong = bounds(disk.cluster, disk.size_gib), {}
    if iops is not None and not allowed.least_iops <= iops <= allowed.most_iops:
        values = {"least": allowed.least_iops, "most": allowed.most_iops}
        wrong["iops"] = [_("%(least)s to %(most)s operations per second for this disk.") % values]
    if bytes_per_second is not None:
        least, most = allowed.least_mib * MIB, allowed.most_mib * MIB
        if not least <= bytes_per_second <= most:
            values = {"least": allowed.least_mib, "most": allowed.most_mib}
            wrong["bytes_per_second"] = [_("%(least)s to %(most)s MiB per second for this disk.") % values]
    if wrong:
        raise Invalid(wrong)
