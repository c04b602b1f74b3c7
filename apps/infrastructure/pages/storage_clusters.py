"""Storage clusters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from django import forms
from django.db.models import Count, Sum
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.api import limits
from apps.infrastructure.api.clusters import StorageClusterApi
from apps.infrastructure.cluster_status import pool_label, pool_order
from apps.infrastructure.filters import StorageClusterFilter
from apps.infrastructure.models import Region, StorageCluster
from apps.infrastructure.pages.cluster_parts import (
    NAME,
    OPEN_TO,
    STATUS,
    ChangeForm,
    NewClusterForm,
    PermitForm,
    change,
    goes,
    permission,
)
from apps.infrastructure.pages.cluster_tabs import MOST_TENANTS
from apps.infrastructure.pages.figures import bytes_bar, pool_figures, size
from apps.infrastructure.selectors import visible_storage_clusters, with_provisioned
from apps.infrastructure.services import clusters
from apps.infrastructure.verbs import CLUSTER_CHANGE, CLUSTER_CREATE, CLUSTER_DELETE, CLUSTER_PERMIT
from apps.portal.columns import CREATED, REGION, Column
from apps.portal.create import CreatePage
from apps.portal.dependencies import Related
from apps.portal.detail import DetailPage, Properties, Property, Tab
from apps.portal.facets import status_facet
from apps.portal.html import moment, pill
from apps.portal.kinds import Do, PageKind
from apps.portal.lists import Empty, ListPage

GIB = 1 << 30


class NewStorageClusterForm(NewClusterForm):
    media = forms.ChoiceField(  # type: ignore[assignment]  # Django takes fields off the class
        label=gettext_lazy("Media"), choices=StorageCluster.Media.choices, initial=StorageCluster.Media.SSD
    )
    path = forms.CharField(
        label=gettext_lazy("Directory"),
        max_length=255,
        help_text=gettext_lazy("The pool’s mount point, the same on every host of the region."),
    )
    max_disk_gib = forms.IntegerField(
        label=gettext_lazy("Maximum disk size (GiB)"), min_value=10, max_value=limits.INTEGER, initial=32_000
    )


class ChangeStorageForm(ChangeForm):
    max_disk_gib = forms.IntegerField(
        label=gettext_lazy("Maximum disk size (GiB)"), min_value=10, max_value=limits.INTEGER
    )


STORAGE_CLUSTER = PageKind(
    "storage_cluster",
    "storage-clusters",
    one=gettext_lazy("storage cluster"),
    many=gettext_lazy("Storage clusters"),
    icon="building-warehouse",
    help="administration#storage-clusters",
    visible=visible_storage_clusters,
    create=CLUSTER_CREATE,
    actions=(
        Do(CLUSTER_CHANGE, form=ChangeStorageForm, adapter=change),
        Do(CLUSTER_PERMIT, form=PermitForm),
        Do(CLUSTER_DELETE, says=goes, typed_name=True),
    ),
    converter="int",
)


def _word(row: Any, page: ListPage) -> object:
    return pool_label(row).word


class StorageClusterList(ListPage):
    of = STORAGE_CLUSTER
    columns = (
        NAME,
        replace(STATUS, value=lambda row, page: pill(pool_label(row)), text=_word, sort=pool_order()),
        REGION,
        Column("media", gettext_lazy("Media"), lambda row, page: row.get_media_display(), sort="media"),
        Column(
            "used",
            gettext_lazy("Used"),
            lambda row, page: bytes_bar(row.used_bytes, row.capacity_bytes),
            sort="used_bytes",
            width="bar",
            text=lambda row, page: row.used_bytes / GIB,
        ),
        Column(
            "capacity",
            gettext_lazy("Capacity"),
            lambda row, page: f"{row.capacity_bytes // GIB:,} GiB" if row.observed_at else "",
            sort="capacity_bytes",
            end=True,
            text=lambda row, page: row.capacity_bytes / GIB,
        ),
        OPEN_TO,
        CREATED,
    )
    filter = StorageClusterFilter
    facets = (status_facet,)
    related = ("region",)
    order = ("region__name", "name")
    empty = Empty(
        gettext_lazy("No storage clusters yet"), gettext_lazy("A storage cluster contains disks and images.")
    )


def _overview(page: DetailPage, row: Any) -> dict[str, Any]:
    pool = with_provisioned().get(pk=row.pk)
    # Disks stand above storage clusters: they are reached by the name of their relation.
    tenants = row.disks.order_by().values("tenant__uid", "tenant__name")
    sums = {"disks": Count("pk"), "gib": Sum("size_gib")}
    return {
        "groups": page.properties(row),
        "figures": pool_figures([pool]) if row.observed_at else [],
        "tenants": tenants.annotate(**sums).order_by("-gib", "tenant__name")[:MOST_TENANTS],
    }


class StorageClusterDetail(DetailPage):
    of = STORAGE_CLUSTER
    tabs = (Tab("", gettext_lazy("Overview"), "infrastructure/pool_overview.html", _overview),)

    def facts(self, row: Any) -> Sequence[Property]:
        """Whether it works."""
        return [Property(_("State"), pill(pool_label(row)))]

    def properties(self, row: Any) -> Sequence[Properties]:
        """What it is and how full."""
        return [
            Properties(
                _("Cluster"),
                [
                    Property(_("Name"), row.name),
                    Property(_("Alias"), row.alias),
                    Property(_("Region"), row.region.label),
                    Property(_("Media"), row.get_media_display()),
                    Property(_("Driver"), row.driver),
                    Property(_("Directory"), row.path, copy=True),
                    Property(_("Maximum disk size"), size(row.max_disk_gib)),
                    Property(_("Last checked"), moment(row.observed_at)),
                ],
            ),
            permission(row),
        ]

    def uses(self, row: Any) -> Sequence[Related]:
        """Where it is."""
        return [Related("region", Region.objects.filter(pk=row.region_id))]

    def used_by(self, row: Any) -> Sequence[Related]:
        """What is stored in it."""
        return [
            Related("image", row.images.all()),
            Related("disk", row.disks.all(), f"cluster={row.pk}"),
        ]


class StorageClusterCreate(CreatePage):
    of = STORAGE_CLUSTER
    form = NewStorageClusterForm
    api = StorageClusterApi

    def body(self, data: dict[str, Any]) -> dict[str, Any]:
        """The region by its name."""
        return {**data, "region": data["region"].name} if data.get("region") else data

    def submit(self, data: dict[str, Any]) -> StorageCluster:
        """Create it."""
        return clusters.create_storage_cluster(self.actor, **data)
