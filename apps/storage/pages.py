"""Disks in the portals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.infrastructure.models import StorageCluster
from apps.infrastructure.selectors import visible_storage_clusters
from apps.lifecycle.models import Resource
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
from apps.portal.dependencies import Related
from apps.portal.detail import ACTIVITY, OVERVIEW, DetailPage, Properties, Property
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
from apps.portal.kinds import PageKind, neighbour_url
from apps.portal.lists import Empty, ListPage
from apps.portal.status_filter import with_status
from apps.storage.filters import DiskFilter
from apps.storage.models import Disk
from apps.storage.selectors import visible_disks

DISK = PageKind(
    "disk",
    "disks",
    one=gettext_lazy("disk"),
    many=gettext_lazy("Disks"),
    icon="database",
    help="images-and-disks#disks",
    visible=visible_disks,
    beside=lambda disk: disk.vm.name if disk.vm else "",
)


def _vm(row: Disk, page: ListPage | DetailPage) -> object:
    return link(neighbour_url(page.rights, page.area, row.vm), row.vm.name) if row.vm else ""


def _clusters(page: ListPage) -> Choices:
    return [(cluster.pk, str(cluster)) for cluster in visible_storage_clusters(page.actor)[:MOST_CHOICES]]


class DiskList(ListPage):
    of = DISK
    columns = (
        NAME,
        STATE,
        Column("role", gettext_lazy("Role"), lambda row, page: row.get_role_display(), sort="role"),
        Column("size", gettext_lazy("Size (GiB)"), lambda row, page: row.size_gib, sort="size_gib", end=True),
        Column("vm", gettext_lazy("Virtual machine"), _vm, sort="vm__name", filter="vm_name"),
        Column(
            "cluster",
            gettext_lazy("Storage cluster"),
            lambda row, page: row.cluster,
            sort="cluster__name",
            facet=choice_facet("cluster", gettext_lazy("Storage cluster"), _clusters),
        ),
        TENANT,
        PROJECT,
        CREATED,
        replace(REGION, hidden=True),
        UPDATED,
        ID,
        DESCRIPTION,
    )
    filter = with_status(DiskFilter, Disk, "disk")
    more_filters = ("iops",)
    facets = (
        status_facet,
        choice_facet("role", gettext_lazy("Role"), lambda page: Disk.Role.choices),
        tenant_facet,
        project_facet,
        region_facet,
    )
    empty = Empty(gettext_lazy("No disks yet"), gettext_lazy("Every VM comes with a system disk."))


class DiskDetail(DetailPage):
    of = DISK
    tabs = (OVERVIEW, ACTIVITY)

    def properties(self, row: Disk) -> Sequence[Properties]:
        """What it is and how fast it may be."""
        return [
            Properties(
                _("Disk"),
                [
                    Property(_("Role"), row.get_role_display()),
                    Property(_("Size"), f"{row.size_gib} GiB"),
                    Property(_("Virtual machine"), _vm(row, self)),
                    Property(_("Storage cluster"), str(row.cluster)),
                    Property(_("Region"), row.region and row.region.label),
                ],
            ),
            Properties(
                _("Limits"),
                [
                    Property(_("Operations per second"), f"{row.iops:,}" if row.iops else _("none")),
                    Property(
                        _("Throughput"),
                        f"{row.bytes_per_second / (1 << 20):,.0f} MiB/s"
                        if row.bytes_per_second
                        else _("none"),
                    ),
                ],
            ),
        ]

    def uses(self, row: Disk) -> Sequence[Related]:
        """What it was cloned from, and where it is."""
        return [
            Related("image", Resource.objects.filter(pk__in=[row.image_id])),
            Related("storage_cluster", StorageCluster.objects.filter(pk=row.cluster_id)),
        ]

    def used_by(self, row: Disk) -> Sequence[Related]:
        """The machine it is attached to."""
        return [Related("vm", Resource.objects.filter(pk__in=[row.vm_id]))]
