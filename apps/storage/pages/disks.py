"""Disks: what can be done to them, and their list."""

from __future__ import annotations

from dataclasses import replace

from django.utils.translation import gettext_lazy

from apps.infrastructure.selectors import visible_storage_clusters
from apps.portal.columns import (
    CREATED,
    DESCRIPTION,
    ID,
    NAME,
    PROJECT,
    REGION,
    STATE,
    TENANT,
    UPDATED,
    Column,
)
from apps.portal.detail import DetailPage
from apps.portal.facets import (
    MOST_CHOICES,
    Choices,
    choice_facet,
    project_facet,
    region_facet,
    status_facet,
    tenant_facet,
)
from apps.portal.html import link
from apps.portal.kinds import Do, PageKind, neighbour_url
from apps.portal.lists import Empty, ListPage
from apps.portal.status_filter import with_status
from apps.portal.view_tabs import ListView
from apps.storage.filters import DiskFilter
from apps.storage.forms import (
    CloneForm,
    DeleteDiskForm,
    DetachForm,
    ExpandForm,
    LimitsForm,
    RenameDiskForm,
    RollBackForm,
    SnapshotOfForm,
)
from apps.storage.models import Disk
from apps.storage.pages import disk_says
from apps.storage.qos import MIB
from apps.storage.selectors import SNAPSHOT_COUNT, visible_disks
from apps.storage.verbs import (
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

DISK = PageKind(
    "disk",
    "disks",
    one=gettext_lazy("disk"),
    many=gettext_lazy("Disks"),
    icon="database",
    help="images-and-disks#disks",
    visible=visible_disks,
    beside=lambda disk: disk.vm.name if disk.vm else "",
    create=DISK_CREATE,
    copies=True,
    # Compute adds attaching, which needs VMs.
    actions=(
        Do(DISK_RETRY),
        Do(DISK_DETACH, form=DetachForm, says=disk_says.detaching, bulk=True),
        Do(DISK_EXPAND, form=ExpandForm, says=disk_says.expanding, also=gettext_lazy("Resize")),
        Do(DISK_SNAPSHOT, form=SnapshotOfForm, says=disk_says.taking, bulk=True),
        Do(DISK_CLONE, form=CloneForm, says=disk_says.cloning, also=gettext_lazy("Copy")),
        Do(DISK_SET_LIMITS, form=LimitsForm, bulk=True, also=gettext_lazy("QoS")),
        Do(DISK_RENAME, form=RenameDiskForm, also=gettext_lazy("Move")),
        Do(DISK_ROLL_BACK, form=RollBackForm, says=disk_says.rolling_back, also=gettext_lazy("Restore")),
        Do(DISK_FORCE_DETACH, form=DetachForm, says=disk_says.forcing, typed_name=True),
        Do(DISK_DELETE, form=DeleteDiskForm, says=disk_says.goes, typed_name=True, bulk=True),
    ),
)


def vm_link(row: Disk, page: ListPage | DetailPage) -> object:
    """Return the VM that a disk is attached to, linked for who may open it."""
    return link(neighbour_url(page.rights, page.area, row.vm), row.vm.name) if row.vm else ""


def _clusters(page: ListPage) -> Choices:
    return [(cluster.pk, str(cluster)) for cluster in visible_storage_clusters(page.actor)[:MOST_CHOICES]]


class DiskList(ListPage):
    of = DISK
    columns = (
        NAME,
        STATE,
        Column("size", gettext_lazy("Size (GiB)"), lambda row, page: row.size_gib, sort="size_gib", end=True),
        Column(
            "vm",
            gettext_lazy("Attached to"),
            vm_link,
            sort="vm__name",
            filter="vm_name",
            brief=True,
            text=lambda row, page: row.vm.name if row.vm else "",
        ),
        Column(
            "cluster",
            gettext_lazy("Storage cluster"),
            lambda row, page: row.cluster,
            sort="cluster__name",
            facet=choice_facet("cluster", gettext_lazy("Storage cluster"), _clusters),
        ),
        Column(
            "iops",
            gettext_lazy("IOPS"),
            lambda row, page: f"{row.iops:,}" if row.iops else "",
            sort="iops",
            end=True,
            text=lambda row, page: row.iops,
        ),
        Column(
            "throughput",
            gettext_lazy("MiB/s"),
            lambda row, page: f"{row.bytes_per_second // MIB:,}" if row.bytes_per_second else "",
            sort="bytes_per_second",
            end=True,
            text=lambda row, page: row.bytes_per_second // MIB,
        ),
        TENANT,
        PROJECT,
        CREATED,
        Column(
            "role",
            gettext_lazy("Role"),
            lambda row, page: row.get_role_display(),
            sort="role",
            hidden=True,
            facet=choice_facet("role", gettext_lazy("Role"), lambda page: Disk.Role.choices),
        ),
        Column(
            "snapshots",
            gettext_lazy("Snapshots"),
            lambda row, page: row.snapshot_count,
            sort=SNAPSHOT_COUNT,
            end=True,
            hidden=True,
        ),
        replace(REGION, hidden=True),
        UPDATED,
        ID,
        DESCRIPTION,
    )
    filter = with_status(DiskFilter, Disk, "disk")
    facets = (
        status_facet,
        choice_facet("role", gettext_lazy("Role"), lambda page: Disk.Role.choices),
        tenant_facet,
        project_facet,
        region_facet,
    )
    views = (
        ListView("data", gettext_lazy("Data disks"), "role=data"),
        ListView("free", gettext_lazy("Not attached"), "attached=false"),
    )
    more_filters = ("attached",)
    row_actions = ("attach", "detach")
    empty = Empty(
        gettext_lazy("No disks yet"),
        gettext_lazy("A data disk is attached to one VM and outlives it. Every VM comes with a system disk."),
    )
