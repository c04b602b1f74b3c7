"""/api/v1/disks"""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from rest_framework import serializers

from apps.api.declarations import Action, Create, Update
from apps.api.metrics import MetricsApi
from apps.api.representation import ReferenceOut, ResourceOut
from apps.api.views import ResourceApi
from apps.lifecycle.actor import Actor
from apps.storage.api.bodies import (
    AttachBody,
    CloneBody,
    DeleteDiskBody,
    DetachBody,
    DiskBody,
    ExpandBody,
    LimitsBody,
    RollBackBody,
    SnapshotOfDiskBody,
)
from apps.storage.filters import DiskFilter
from apps.storage.models import Disk
from apps.storage.selectors import SNAPSHOT_COUNT, visible_disks
from apps.storage.verbs import (
    DISK_ATTACH,
    DISK_CLONE,
    DISK_CREATE,
    DISK_DELETE,
    DISK_DETACH,
    DISK_EXPAND,
    DISK_FORCE_DETACH,
    DISK_RENAME,
    DISK_RETRY,
    DISK_ROLL_BACK,
    DISK_SET_LIMITS,
    DISK_SNAPSHOT,
)


class DiskOut(ResourceOut):
    role = serializers.ChoiceField(choices=Disk.Role.choices)
    size_gib = serializers.IntegerField(help_text="While the disk is being expanded: its new size.")
    cluster = ReferenceOut(help_text="Storage cluster.")
    vm = ReferenceOut(allow_null=True)
    slot = serializers.IntegerField(
        allow_null=True, help_text="Place in the VM: 0 is the system disk. null: not attached."
    )
    serial = serializers.CharField(help_text="Serial number that the guest sees.")
    guest_path = serializers.CharField(help_text="Where Linux guests find the disk.")
    iops = serializers.IntegerField(help_text="Limit of operations per second; 0 for no limit.")
    bytes_per_second = serializers.IntegerField(help_text="Limit; 0 for no limit.")
    iops_set = serializers.IntegerField(
        allow_null=True, help_text="As set for this disk. null: by the storage cluster's rule."
    )
    bytes_per_second_set = serializers.IntegerField(
        allow_null=True, help_text="As set for this disk. null: by the storage cluster's rule."
    )
    snapshot_count = serializers.IntegerField()
    copied_from = ReferenceOut(allow_null=True, help_text="Disk whose data it was created with.")
    from_snapshot = ReferenceOut(allow_null=True, help_text="Snapshot it was created from.")
    copying = serializers.BooleanField(
        help_text="Whether data is still being copied. The disk can be used meanwhile."
    )

    @staticmethod
    def own(row: Any) -> dict[str, Any]:
        """Return the disk's values; what it refers to has been fetched with it."""
        return {
            "role": row.role,
            "size_gib": row.size_gib,
            "cluster": {"id": str(row.cluster_id), "name": str(row.cluster)},
            "vm": _named(row.vm),
            "slot": row.slot,
            "serial": row.serial,
            "guest_path": row.guest_path,
            "iops": row.iops,
            "bytes_per_second": row.bytes_per_second,
            "iops_set": row.iops_set,
            "bytes_per_second_set": row.bytes_set,
            "snapshot_count": row.snapshot_count,
            "copied_from": _named(row.copied_from),
            "from_snapshot": _named(row.from_snapshot),
            "copying": row.is_copying,
        }


class DiskApi(ResourceApi):
    """Disks. A system disk is created and deleted with its VM."""

    model = Disk
    out = DiskOut
    filterset_class = DiskFilter
    sorts = {"slot": "slot", "snapshots": SNAPSHOT_COUNT}
    create = Create(DISK_CREATE, DiskBody, batch=True)
    update = Update(DISK_RENAME)
    delete = Action(DISK_DELETE, DeleteDiskBody)
    actions = (
        Action(DISK_ATTACH, AttachBody),
        Action(DISK_DETACH, DetachBody),
        Action(DISK_FORCE_DETACH, DetachBody),
        Action(DISK_EXPAND, ExpandBody),
        Action(DISK_SNAPSHOT, SnapshotOfDiskBody),
        Action(DISK_CLONE, CloneBody),
        Action(DISK_ROLL_BACK, RollBackBody, bulk=False),
        Action(DISK_SET_LIMITS, LimitsBody),
        Action(DISK_RETRY),
    )

    def visible(self, actor: Actor) -> QuerySet[Disk]:
        """Return the disks the actor may see."""
        return visible_disks(actor)


class DiskMetrics(MetricsApi):
    subject = "disk"

    def visible(self, actor: Actor) -> QuerySet[Disk]:
        """Return the disks the actor may see."""
        return visible_disks(actor)


def _named(row: Any) -> dict[str, str] | None:
    return None if row is None else {"id": str(row.pk), "name": row.name}
