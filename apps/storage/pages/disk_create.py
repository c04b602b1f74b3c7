"""Creating disks on one page."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.utils.translation import gettext_lazy

from apps.infrastructure.models import StorageCluster
from apps.infrastructure.pages.figures import size as size_text
from apps.infrastructure.space import space_left
from apps.lifecycle.models import Operation
from apps.portal.create import CreatePage, Section
from apps.portal.forms import BaseForm
from apps.portal.prefill import as_typed
from apps.portal.summary import cleaned
from apps.storage.api.disks import DiskApi
from apps.storage.create_form import DiskForm
from apps.storage.limits import disk_limits
from apps.storage.models import Disk, Snapshot
from apps.storage.pages.disks import DISK
from apps.storage.qos import MIB
from apps.storage.services.create import create_disks
from apps.storage.services.create_plan import LEAST_GIB


class DiskCreate(CreatePage):
    template_name = "storage/disk_create.html"
    of = DISK
    form = DiskForm
    api = DiskApi
    aside = "storage/disk_summary.html"
    sections = (
        Section(gettext_lazy("Basics"), ("name", "count", "project", "description")),
        Section(gettext_lazy("Content"), ("source", "snapshot", "disk"), css="one-field disk-source"),
        Section(gettext_lazy("Storage"), ("cluster", "size_gib"), css="disk-storage"),
    )

    def submit(self, data: dict[str, Any]) -> Operation | Sequence[Operation]:
        """Create one or several."""
        operations = create_disks(self.actor, **data)
        return operations[0] if len(operations) == 1 else operations

    def values_of(self, row: Disk) -> dict[str, Any]:
        """Return the choices of a blank disk of the same size in the same place."""
        found = {
            "description": row.description,
            "project": row.project and row.project.uid,
            "cluster": row.cluster_id,
            "size_gib": max(row.size_gib, LEAST_GIB),
        }
        return {name: value for name, value in found.items() if value}

    def more(self, form: BaseForm) -> dict[str, Any]:
        """Return what the summary says: where, how large, how fast, and what is left there."""
        data = cleaned(form if form.is_bound else as_typed(form))
        cluster, least = _place_of(data)
        size = data.get("size_gib") or (max(least, LEAST_GIB) if least else None)
        count = data.get("count") or 1
        if cluster is None:
            return {"total": None}
        iops, bytes_per_second = disk_limits(cluster, size) if size else (0, 0)
        left = space_left(cluster)
        return {
            "where": cluster,
            "disk_count": count,
            "size": size,
            "total": size * count if size else None,
            "left": None if left is None else size_text(max(left, 0)),
            "iops": iops,
            "mib": bytes_per_second // MIB,
        }


def _place_of(data: dict[str, Any]) -> tuple[StorageCluster | None, int]:
    """Return the storage cluster of a new disk, and the size of what it is copied from."""
    if "snapshot" in data:
        found = Snapshot.objects.select_related("disk__cluster__region").filter(pk=data["snapshot"]).first()
        return (found.disk.cluster, found.size_gib) if found else (None, 0)
    if "disk" in data:
        disk = Disk.objects.select_related("cluster__region").filter(pk=data["disk"]).first()
        return (disk.cluster, disk.size_gib) if disk else (None, 0)
    if "cluster" not in data:
        return None, 0
    return StorageCluster.objects.select_related("region").filter(pk=data["cluster"]).first(), 0
