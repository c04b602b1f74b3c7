"""The quotas of disks."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from apps.quotas.metrics import Metric, declare, rows_of, total_of
from apps.storage.models import Disk, Snapshot

declare(Metric("disk", _("Disks"), 100, rows_of(Disk), order=20, list="disk", on_overview=True))
declare(
    Metric(
        "disk_gib",
        _("Disk space"),
        10_000,
        total_of(Disk, "size_gib"),
        order=21,
        list="disk",
        unit="GiB",
        foremost=True,
        on_overview=True,
    )
)

declare(Metric("snapshot", _("Snapshots"), 1_000, rows_of(Snapshot), order=22, list="snapshot"))
