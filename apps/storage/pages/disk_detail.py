"""A disk: what it does, what it is attached to, its snapshots, and its copies."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.infrastructure.models import StorageCluster
from apps.lifecycle.models import Operation, Resource
from apps.lifecycle.selectors import with_open_operations
from apps.metrics.active_store import store
from apps.portal.charts import DISK_CHARTS, charts_beside, monitoring
from apps.portal.dependencies import Related
from apps.portal.detail import ACTIVITY, DetailPage, Properties, Property, Tab
from apps.portal.html import meter
from apps.portal.kinds import Offer, Text
from apps.storage.forms import limits_text
from apps.storage.models import Disk, Snapshot
from apps.storage.pages.disks import DISK, vm_link
from apps.storage.pages.snapshots import SNAPSHOT, consistency_text
from apps.storage.qos import MIB, burst_of
from apps.storage.services.snapshot import MOST_SNAPSHOTS
from apps.storage.verbs import DISK_CREATE, DISK_FINISH_COPY

#: So many copies of a disk are named on its page.
COPIES_SHOWN = 10
#: What a disk does now is what was measured this long ago at most.
RECENT = timedelta(minutes=2)
_READS, _WRITES = "disk_read_ops_per_second", "disk_write_ops_per_second"
_READ_BYTES, _WRITE_BYTES = "disk_read_bytes_per_second", "disk_write_bytes_per_second"


@dataclass(frozen=True)
class SnapshotLine:
    """A snapshot on its disk's timeline, and what can be done with it. An action that the area lacks is None."""

    row: Snapshot
    consistency: str
    delete: Offer | None
    roll_back: Offer | None
    roll_back_url: str
    new_disk_url: str


@dataclass(frozen=True)
class LimitLine:
    """One limit beside what the disk does now; `now` is "" where nothing was measured."""

    label: Text
    now: str
    limit: str
    meter: object


def why_nothing_new(row: Disk) -> str:
    """Say why nothing is measured of a disk now, "" when it is."""
    if row.vm is None:
        return _("The disk is not attached. Metrics start when a running VM uses it.")
    if not row.vm.is_on:
        return _("The VM is stopped. Metrics start when it runs.")
    return ""


def _overview(page: DetailPage, row: Disk) -> dict[str, Any]:
    charts = charts_beside(page, row, "api:disks-metrics", why_nothing_new(row), DISK_CHARTS)
    return {
        "groups": page.properties(row),
        "vm_link": vm_link(row, page) if row.vm else "",
        "limit_lines": limit_lines(row),
        "burst": burst_of(row.cluster),
        **charts,
        "has_charts": row.vm_id is not None,
        **_chain(page, row),
    }


def limit_lines(row: Disk) -> list[LimitLine]:
    """Return the disk's limits beside what it does now."""
    names = (_READS, _WRITES, _READ_BYTES, _WRITE_BYTES)
    key = str(row.pk)
    seen = store().latest("disk", [key], names, RECENT).get(key, {}) if row.vm_id else {}
    iops = _sum(seen, _READS, _WRITES)
    mib = _sum(seen, _READ_BYTES, _WRITE_BYTES, scale=MIB)
    return [
        _limit_line(_("IOPS"), iops, row.iops, ""),
        _limit_line(_("Throughput"), mib, row.bytes_per_second / MIB, " MiB/s"),
    ]


def _limit_line(label: str, now: float | None, limit: float, unit: str) -> LimitLine:
    shown = f"{limit:,.0f}{unit}" if limit else _("No limit")
    if now is None:
        return LimitLine(label, "", shown, "")
    text = f"{now:,.0f}{unit}"
    return LimitLine(label, text, shown, meter(now, limit, f"{label}: {text} / {shown}") if limit else "")


def _sum(seen: dict[str, float], *names: str, scale: int = 1) -> float | None:
    found = [seen[name] for name in names if name in seen]
    return sum(found) / scale if found else None


def _chain(page: DetailPage, row: Disk) -> dict[str, Any]:
    """Return what the disk was made from, how far its copy is, and the copies made of it."""
    copies = with_open_operations(DISK.visible(page.actor).filter(copied_from=row))
    some = list(copies.order_by("-created_at", "pk")[: COPIES_SHOWN + 1])
    shown = some[:COPIES_SHOWN]
    copying = [each.pk for each in (row, *shown) if each.is_copying]
    progress = _progress(copying)
    return {
        "copied_from": row.copied_from,
        "from_snapshot": row.from_snapshot,
        "copying": row.is_copying,
        "copy_percent": progress.get(row.pk),
        "copies": [(each, each.is_copying, progress.get(each.pk)) for each in shown],
        "more_copies": f"{page.of.url(page.area, 'list')}?copied_from={row.pk}"
        if len(some) > COPIES_SHOWN
        else "",
    }


def _progress(disks: Sequence[Any]) -> dict[Any, int]:
    """Return how much of each disk has been copied, in percent."""
    if not disks:
        return {}
    running = Operation.objects.open().filter(target_id__in=disks, verb=DISK_FINISH_COPY.name)
    return dict(running.values_list("target_id", "progress"))


def _snapshots(page: DetailPage, row: Disk) -> dict[str, Any]:
    offers = {o.do.verb.action: o for o in DISK.offers(page.rights, row, page.area)}
    may_create = page.rights.covers(DISK_CREATE, row.project_id, row.tenant_id)
    create_url = DISK.create_url(page.area) if may_create else ""
    rows = with_open_operations(SNAPSHOT.visible(page.actor).filter(disk=row))
    lines = [
        _line(page, snapshot, offers.get("roll_back"), create_url)
        for snapshot in rows.order_by("-created_at", "pk")
    ]
    roll_back = offers.get("roll_back")
    return {
        "lines": lines,
        "most": MOST_SNAPSHOTS,
        "take": offers.get("snapshot"),
        "why_no_roll_back": roll_back.judged.reason if roll_back and not roll_back.judged.allowed else "",
    }


def _line(page: DetailPage, row: Snapshot, roll_back: Offer | None, create_url: str) -> SnapshotLine:
    deletes = SNAPSHOT.offers(page.rights, row, page.area, only=("delete",))
    taken = row.taken_at is not None
    return SnapshotLine(
        row,
        consistency_text(row),
        deletes[0] if deletes else None,
        roll_back if taken else None,
        f"{roll_back.url}?snapshot={row.pk}" if roll_back else "",
        f"{create_url}?source=snapshot&snapshot={row.pk}" if create_url and taken else "",
    )


class DiskDetail(DetailPage):
    of = DISK
    primary = ("retry", "attach", "detach", "snapshot")
    context_below = False
    tabs = (
        Tab("", gettext_lazy("Overview"), "storage/disk_overview.html", _overview),
        Tab("snapshots", gettext_lazy("Snapshots"), "storage/disk_snapshots.html", _snapshots),
        monitoring(DISK_CHARTS, "api:disks-metrics", why_nothing_new),
        ACTIVITY,
    )

    def facts(self, row: Disk) -> Sequence[Property]:
        """How large it is, and where."""
        facts = [Property(_("Size"), f"{row.size_gib:,} GiB")]
        if row.vm is not None:
            facts.append(Property(_("Attached to"), vm_link(row, self)))
        return facts

    def properties(self, row: Any) -> Sequence[Properties]:
        """What it is and how fast it may be."""
        return [
            Properties(
                _("Disk"),
                [
                    Property(_("Role"), row.get_role_display()),
                    Property(_("Size"), f"{row.size_gib:,} GiB"),
                    Property(_("Storage cluster"), str(row.cluster)),
                    Property(_("Limits"), limits_text(row)),
                    Property(_("Snapshots"), row.snapshot_count),
                ],
            )
        ]

    def uses(self, row: Disk) -> Sequence[Related]:
        """Where it is, and what it reads from."""
        return [
            Related("image", Resource.objects.filter(pk__in=[row.image_id])),
            Related("storage_cluster", StorageCluster.objects.filter(pk=row.cluster_id)),
        ]

    def used_by(self, row: Disk) -> Sequence[Related]:
        """What keeps it from being deleted: its VM, its snapshots, disks that are still being copied from it."""
        return [
            Related("vm", Resource.objects.filter(pk__in=[row.vm_id])),
            Related("snapshot", Snapshot.objects.filter(disk=row), f"disk={row.pk}"),
            Related("disk", row.copies.filter(independent_at=None), f"copied_from={row.pk}"),
        ]

    def watch(self, row: Disk) -> Sequence[str]:
        """Its snapshots and copies, and the VM's power."""
        return ["snapshot", "disk", *([f"vm:{row.vm_id}"] if row.vm_id else [])]
