"""/api/v1/disks"""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from rest_framework import serializers

from apps.api.representation import ReferenceOut, ResourceOut
from apps.api.views import ResourceApi
from apps.lifecycle.actor import Actor
from apps.storage.filters import DiskFilter
from apps.storage.models import Disk
from apps.storage.selectors import visible_disks


class DiskOut(ResourceOut):
    role = serializers.ChoiceField(choices=Disk.Role.choices)
    size_gib = serializers.IntegerField()
    cluster = ReferenceOut(help_text="Storage cluster.")
    vm = ReferenceOut(allow_null=True)
    iops = serializers.IntegerField(help_text="Limit of operations per second; 0 for no limit.")
    bytes_per_second = serializers.IntegerField(help_text="Limit; 0 for no limit.")

    @staticmethod
    def own(row: Disk) -> dict[str, Any]:
        """Return the disk's values."""
        return {
            "role": row.role,
            "size_gib": row.size_gib,
            "cluster": {"id": str(row.cluster_id), "name": str(row.cluster)},
            "vm": {"id": str(row.vm_id), "name": row.vm.name} if row.vm else None,
            "iops": row.iops,
            "bytes_per_second": row.bytes_per_second,
        }


class DiskApi(ResourceApi):
    """Disks. A system disk is created and deleted with its VM."""

    model = Disk
    out = DiskOut
    filterset_class = DiskFilter

    def visible(self, actor: Actor) -> QuerySet[Disk]:
        """Return the disks the actor may see."""
        return visible_disks(actor)
