"""What the pages of storage clusters show of VMs: which have a disk there, and which are paused since it is full."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from django.db.models import Count, QuerySet
from django.utils.translation import ngettext

from apps.compute.models import PauseReason, Vm
from apps.infrastructure.models import Region, StorageCluster
from apps.infrastructure.pages.attention import AttentionItem
from apps.infrastructure.pages.cluster_tabs import list_url
from apps.portal.dependencies import Related
from apps.portal.detail import DetailPage, Notice
from apps.storage.models import Disk


def storage_vms(row: StorageCluster) -> Sequence[Related]:
    """Return the VMs with a disk in a storage cluster."""
    return [Related("vm", _vms_on(row), f"storage_cluster={row.pk}")]


def paused_notice(page: DetailPage, row: StorageCluster) -> Notice | None:
    """Say how many VMs are paused for lack of space in a storage cluster; None when none is."""
    count = _without_space(_vms_on(row)).count()
    return Notice(_paused_text(count), [(_list_text(count), _paused_url(row.pk))]) if count else None


def paused_items(region: Region | None) -> Iterator[AttentionItem]:
    """Return a line for each storage cluster that has VMs paused for lack of space: one query."""
    disks = Disk.objects.filter(vm__pause_reason=PauseReason.NO_SPACE)
    if region is not None:
        disks = disks.filter(cluster__region=region)
    rows = disks.order_by().values("cluster_id", "cluster__name", "cluster__alias")
    for row in rows.annotate(vms=Count("vm", distinct=True)):
        name = row["cluster__alias"] or row["cluster__name"]
        yield AttentionItem("error", f"{name}: {_paused_text(row['vms'])}", _paused_url(row["cluster_id"]))


def _vms_on(row: StorageCluster) -> QuerySet[Vm]:
    return Vm.objects.filter(pk__in=row.disks.filter(vm__isnull=False).values("vm"))


def _without_space(vms: QuerySet[Vm]) -> QuerySet[Vm]:
    return vms.filter(pause_reason=PauseReason.NO_SPACE)


def _paused_url(key: object) -> str:
    return list_url("vm.list", storage_cluster=key, paused=PauseReason.NO_SPACE.value)


def _paused_text(count: int) -> str:
    text = ngettext(
        "%(n)s VM is paused for lack of space. It resumes when there is space.",
        "%(n)s VMs are paused for lack of space. They resume when there is space.",
        count,
    )
    return text % {"n": count}


def _list_text(count: int) -> str:
    return ngettext("Show the VM", "Show the VMs", count)
