"""The quotas of disks."""

from __future__ import annotations

from django.db.models import Sum
from django.utils.translation import gettext_lazy as _

from apps.quotas.metrics import Metric, declare, rows_of
from apps.storage.models import Disk, Snapshot


def growth(size_gib: int, before_gib: int) -> int:
    """Return what is counted beside a disk of `before_gib` while one of `size_gib` is to replace it."""
    return max(size_gib - before_gib, 0)


def _disks(tenant_id: int) -> int:
    return Disk.objects.filter(tenant_id=tenant_id, standby=False).count()


def _disk_gib(tenant_id: int) -> int:
    own = Disk.objects.filter(tenant_id=tenant_id)
    total = own.filter(standby=False).aggregate(total=Sum("size_gib"))["total"] or 0
    replacing = own.filter(standby=True, replaces__isnull=False).values_list("size_gib", "replaces__size_gib")
    return total + sum(growth(size, before) for size, before in replacing)


declare(Metric("disk", _("Disks"), 100, _disks, order=20, list="disk", on_overview=True))
declare(
    Metric(
        "disk_gib",
        _("Disk space"),
        10_000,
        _disk_gib,
        order=21,
        list="disk",
        unit="GiB",
        foremost=True,
        on_overview=True,
    )
)

declare(Metric("snapshot", _("Snapshots"), 1_000, rows_of(Snapshot), order=22, list="snapshot"))
