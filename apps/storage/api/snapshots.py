"""/api/v1/snapshots"""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from rest_framework import serializers

from apps.api.declarations import Action, Create, Update
from apps.api.representation import ReferenceOut, ResourceOut, moment
from apps.api.views import ResourceApi
from apps.lifecycle.actor import Actor
from apps.storage.api.bodies import SnapshotBody
from apps.storage.filters import SnapshotFilter
from apps.storage.models import Consistency, Snapshot
from apps.storage.selectors import visible_snapshots
from apps.storage.verbs import SNAPSHOT_CREATE, SNAPSHOT_DELETE, SNAPSHOT_RENAME, SNAPSHOT_RETRY


class SnapshotOut(ResourceOut):
    disk = ReferenceOut()
    vm = ReferenceOut(allow_null=True, help_text="VM that the disk is attached to now.")
    cluster = ReferenceOut(help_text="Storage cluster.")
    size_gib = serializers.IntegerField(help_text="Size of the disk when the snapshot was requested.")
    consistency = serializers.ChoiceField(
        choices=Consistency.choices,
        allow_blank=True,
        help_text="filesystem: the guest agent had frozen the file systems. crash: as after a power failure. "
        "offline: no running VM used the disk. Empty until the snapshot is taken.",
    )
    group = serializers.UUIDField(
        allow_null=True, help_text="Shared by the snapshots of one VM that were taken at one instant."
    )
    taken_at = serializers.DateTimeField(allow_null=True)

    @staticmethod
    def own(row: Any) -> dict[str, Any]:
        """Return the snapshot's values; its disk has been fetched with it."""
        disk = row.disk
        return {
            "disk": {"id": str(disk.pk), "name": disk.name},
            "vm": {"id": str(disk.vm_id), "name": disk.vm.name} if disk.vm else None,
            "cluster": {"id": str(disk.cluster_id), "name": str(disk.cluster)},
            "size_gib": row.size_gib,
            "consistency": row.consistency,
            "group": str(row.group) if row.group else None,
            "taken_at": moment(row.taken_at),
        }


class SnapshotApi(ResourceApi):
    """Snapshots of disks."""

    model = Snapshot
    out = SnapshotOut
    filterset_class = SnapshotFilter
    create = Create(SNAPSHOT_CREATE, SnapshotBody)
    update = Update(SNAPSHOT_RENAME)
    delete = Action(SNAPSHOT_DELETE)
    actions = (Action(SNAPSHOT_RETRY),)

    def visible(self, actor: Actor) -> QuerySet[Snapshot]:
        """Return the snapshots the actor may see."""
        return visible_snapshots(actor)
