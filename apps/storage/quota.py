"""What disks a tenant has."""

from __future__ import annotations

from django.db.models import Count, Sum

from apps.storage.models import Disk


def existing(tenant_id: int) -> dict[str, int]:
    """Return metric → units of the tenant's disks, for `quotas.recount`."""
    disks = Disk.objects.filter(tenant_id=tenant_id).aggregate(n=Count("pk"), gib=Sum("size_gib"))
    return {"disk": disks["n"], "disk_gib": disks["gib"] or 0}
