"""Snapshots: list, details, and taking one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.infrastructure.models import StorageCluster
from apps.portal import html
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
from apps.portal.create import CreatePage
from apps.portal.dependencies import Related
from apps.portal.detail import ACTIVITY, DetailPage, Properties, Property, Tab
from apps.portal.facets import choice_facet, project_facet, region_facet, status_facet, tenant_facet
from apps.portal.forms import LabelsForm
from apps.portal.kinds import Do, PageKind, neighbour_url
from apps.portal.lists import Empty, ListPage
from apps.portal.status_filter import with_status
from apps.storage.api.snapshots import SnapshotApi
from apps.storage.create_form import SnapshotForm
from apps.storage.filters import SnapshotFilter
from apps.storage.models import Consistency, Disk, Snapshot
from apps.storage.pages.disks import DISK
from apps.storage.selectors import visible_snapshots
from apps.storage.verbs import (
    DISK_CREATE,
    DISK_ROLL_BACK,
    SNAPSHOT_CREATE,
    SNAPSHOT_DELETE,
    SNAPSHOT_RENAME,
    SNAPSHOT_RETRY,
)


def _goes(snapshot: Snapshot) -> list[str]:
    values = {"name": snapshot.name, "disk": snapshot.disk.name}
    return [_("Snapshot %(name)s is deleted. Disk %(disk)s and its data are kept.") % values]


SNAPSHOT = PageKind(
    "snapshot",
    "snapshots",
    one=gettext_lazy("snapshot"),
    many=gettext_lazy("Snapshots"),
    icon="camera",
    help="images-and-disks#snapshots",
    visible=visible_snapshots,
    beside=lambda snapshot: snapshot.disk.name,
    create=SNAPSHOT_CREATE,
    actions=(
        Do(SNAPSHOT_RETRY),
        Do(SNAPSHOT_RENAME, form=LabelsForm),
        Do(SNAPSHOT_DELETE, says=_goes),
    ),
)


def disk_link(row: Snapshot, page: ListPage | DetailPage) -> object:
    """Return the disk of a snapshot, linked for who may open it."""
    return html.link(neighbour_url(page.rights, page.area, row.disk), row.disk.name)


def consistency_text(row: Snapshot) -> str:
    """Return in which state the data was; "" until the snapshot has been taken."""
    return str(Consistency(row.consistency).label) if row.consistency else ""


class SnapshotList(ListPage):
    of = SNAPSHOT
    columns = (
        NAME,
        STATE,
        Column(
            "disk",
            gettext_lazy("Disk"),
            disk_link,
            sort="disk__name",
            filter="disk_name",
            brief=True,
            text=lambda row, page: row.disk.name,
        ),
        Column("size", gettext_lazy("Size (GiB)"), lambda row, page: row.size_gib, sort="size_gib", end=True),
        Column(
            "consistency",
            gettext_lazy("Consistency"),
            lambda row, page: consistency_text(row),
            sort="consistency",
            width="long",
            facet=choice_facet("consistency", gettext_lazy("Consistency"), lambda page: Consistency.choices),
        ),
        Column(
            "taken",
            gettext_lazy("Taken at"),
            lambda row, page: html.moment(row.taken_at),
            sort="taken_at",
            width="time",
            text=lambda row, page: row.taken_at,
        ),
        TENANT,
        PROJECT,
        replace(REGION, hidden=True),
        replace(CREATED, hidden=True),
        UPDATED,
        ID,
        DESCRIPTION,
    )
    filter = with_status(SnapshotFilter, Snapshot, "snapshot")
    facets = (status_facet, tenant_facet, project_facet, region_facet)
    more_filters = ("group",)
    empty = Empty(
        gettext_lazy("No snapshots yet"),
        gettext_lazy("A snapshot keeps what a disk contains now. Roll back to it, or create disks from it."),
    )


def _overview(page: DetailPage, row: Snapshot) -> dict[str, Any]:
    """Beside the properties: what the snapshot can be used for."""
    disk = DISK.found(page.actor, row.disk_id) if page.rights.sees(row.disk) else None
    offers = DISK.offers(page.rights, disk, page.area, only=("roll_back",)) if disk else []
    may_create = page.rights.covers(DISK_CREATE, row.project_id, row.tenant_id)
    create_url = DISK.create_url(page.area) if may_create else ""
    return {
        "groups": page.properties(row),
        "roll_back": offers[0] if offers and row.taken_at else None,
        "roll_back_verb": DISK_ROLL_BACK,
        "new_disk_url": f"{create_url}?source=snapshot&snapshot={row.pk}"
        if create_url and row.taken_at
        else "",
    }


class SnapshotDetail(DetailPage):
    of = SNAPSHOT
    primary = ("retry", "delete")
    tabs = (Tab("", gettext_lazy("Overview"), "storage/snapshot_overview.html", _overview), ACTIVITY)

    def facts(self, row: Snapshot) -> Sequence[Property]:
        """Of what, and when."""
        return [
            Property(_("Disk"), disk_link(row, self)),
            Property(_("Taken at"), html.moment(row.taken_at)),
        ]

    def properties(self, row: Snapshot) -> Sequence[Properties]:
        """What it holds."""
        url = f"{self.of.url(self.area, 'list')}?group={row.group}"
        group = [Property(_("Group"), html.link(url, _("Snapshots taken at the same instant")))]
        return [
            Properties(
                _("Snapshot"),
                [
                    Property(_("Size"), f"{row.size_gib:,} GiB"),
                    Property(_("Consistency"), consistency_text(row)),
                    *(group if row.group else []),
                    Property(_("Storage cluster"), str(row.disk.cluster)),
                ],
            )
        ]

    def uses(self, row: Snapshot) -> Sequence[Related]:
        """The disk, and where it is."""
        return [
            Related("disk", Disk.objects.filter(pk=row.disk_id)),
            Related("storage_cluster", StorageCluster.objects.filter(pk=row.disk.cluster_id)),
        ]

    def used_by(self, row: Snapshot) -> Sequence[Related]:
        """Disks whose data is still being copied from it."""
        return [Related("disk", row.copies.filter(independent_at=None))]

    def watch(self, row: Snapshot) -> Sequence[str]:
        """Rolling back depends on the disk's state."""
        return [f"disk:{row.disk_id}"]


class SnapshotCreate(CreatePage):
    of = SNAPSHOT
    form = SnapshotForm
    api = SnapshotApi
