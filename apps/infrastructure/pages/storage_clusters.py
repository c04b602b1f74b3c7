"""Storage clusters."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.http import HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.infrastructure.api.storage_clusters import StorageClusterApi
from apps.infrastructure.filters import StorageClusterFilter
from apps.infrastructure.models import Region, StorageCluster
from apps.infrastructure.pages.cluster_parts import NAME, OPEN_TO, PermitForm, change, goes, permission
from apps.infrastructure.pages.figures import GIB, bytes_bar, size
from apps.infrastructure.pages.storage_columns import HEALTH, PROVISIONED
from apps.infrastructure.pages.storage_forms import (
    DRIVERS,
    ChangeStorageForm,
    KeyForm,
    NewStorageClusterForm,
    SpeedForm,
)
from apps.infrastructure.pages.storage_tabs import (
    applies,
    connection_pill,
    overview,
    speed_properties,
    why_nothing_new,
)
from apps.infrastructure.selectors import visible_storage_clusters
from apps.infrastructure.services import storage_clusters
from apps.infrastructure.verbs import (
    CLUSTER_CHANGE,
    CLUSTER_CREATE,
    CLUSTER_DELETE,
    CLUSTER_PERMIT,
    STORAGE_APPLY_SPEED,
    STORAGE_CLOSE,
    STORAGE_OPEN,
    STORAGE_SET_KEY,
    STORAGE_SET_SPEED,
    STORAGE_TEST,
)
from apps.lifecycle.actor import Actor
from apps.portal.charts import POOL_CHARTS, monitoring
from apps.portal.columns import CREATED, REGION, Column
from apps.portal.create import CreatePage, Section
from apps.portal.dependencies import Related
from apps.portal.detail import DetailPage, Properties, Property, Tab
from apps.portal.html import moment
from apps.portal.kinds import Do, PageKind
from apps.portal.lists import Empty, ListPage


def _set_speed(actor: Actor, cluster: StorageCluster, **changes: Any) -> None:
    storage_clusters.set_speed(actor, cluster, **changes)


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
        Do(STORAGE_TEST),
        Do(CLUSTER_CHANGE, form=ChangeStorageForm, adapter=change),
        Do(STORAGE_SET_KEY, form=KeyForm),
        Do(STORAGE_SET_SPEED, form=SpeedForm, adapter=_set_speed),
        Do(STORAGE_APPLY_SPEED, says=applies),
        Do(CLUSTER_PERMIT, form=PermitForm),
        Do(STORAGE_OPEN),
        Do(STORAGE_CLOSE),
        Do(CLUSTER_DELETE, says=goes, typed_name=True),
    ),
    converter="int",
)


class StorageClusterList(ListPage):
    of = STORAGE_CLUSTER
    columns = (
        NAME,
        HEALTH,
        Column(
            "used",
            gettext_lazy("Used"),
            lambda row, page: bytes_bar(row.used_bytes, row.capacity_bytes),
            sort="used_bytes",
            width="bar",
            text=lambda row, page: row.used_bytes / GIB,
        ),
        PROVISIONED,
        REGION,
        Column("media", gettext_lazy("Media"), lambda row, page: row.get_media_display(), sort="media"),
        Column(
            "capacity",
            gettext_lazy("Capacity"),
            lambda row, page: f"{row.capacity_bytes // GIB:,} GiB" if row.observed_at else "",
            sort="capacity_bytes",
            end=True,
            # What is used is shown of it.
            hidden=True,
            text=lambda row, page: row.capacity_bytes / GIB,
        ),
        OPEN_TO,
        CREATED,
    )
    filter = StorageClusterFilter
    related = ("region",)
    order = ("region__name", "name")
    empty = Empty(
        gettext_lazy("No storage clusters yet"), gettext_lazy("A storage cluster contains disks and images.")
    )


class StorageClusterDetail(DetailPage):
    of = STORAGE_CLUSTER
    tabs = (
        Tab("", gettext_lazy("Overview"), "infrastructure/pool_overview.html", overview),
        monitoring(POOL_CHARTS, "api:storage-clusters-metrics", why_nothing_new),
    )
    primary = ("test",)

    def facts(self, row: Any) -> Sequence[Property]:
        """Whether it is reached, and takes new disks."""
        accepts = _("accepted") if row.accepts_disks else _("not accepted")
        return [Property(_("Connection"), connection_pill(row)), Property(_("New disks"), accepts)]

    def properties(self, row: Any) -> Sequence[Properties]:
        """What it is, how it is reached, and how fast its disks may be."""
        return [
            Properties(
                _("Cluster"),
                [
                    Property(_("Name"), row.name),
                    Property(_("Alias"), row.alias),
                    Property(_("Region"), row.region.label),
                    Property(_("Media"), row.get_media_display()),
                    Property(_("Maximum disk size"), size(row.max_disk_gib)),
                    Property(_("Overcommit"), f"{row.overcommit} %"),
                ],
            ),
            Properties(_("Storage"), _access(row)),
            speed_properties(row),
            permission(row),
        ]

    def uses(self, row: Any) -> Sequence[Related]:
        """Where it is."""
        return [Related("region", Region.objects.filter(pk=row.region_id))]

    def used_by(self, row: Any) -> Sequence[Related]:
        """What is stored in it."""
        return [
            Related("image", row.images.all(), f"cluster={row.pk}"),
            Related("disk", row.disks.all(), f"cluster={row.pk}"),
        ]


def _access(row: StorageCluster) -> list[Property]:
    kind = Property(_("Type"), dict(DRIVERS).get(row.driver, row.driver))
    seen = Property(_("Last checked"), moment(row.checked_at))
    if not row.is_ceph:
        return [kind, Property(_("Directory"), row.path, copy=True), seen]
    return [
        kind,
        Property(_("Pool"), row.path, copy=True),
        Property(_("Monitors"), ", ".join(row.monitors), copy=True),
        Property(_("Ceph user"), row.pool_user, copy=True),
        Property(_("Key"), _("set") if row.sealed_key else _("missing")),
        seen,
    ]


class StorageClusterCreate(CreatePage):
    of = STORAGE_CLUSTER
    form = NewStorageClusterForm
    api = StorageClusterApi
    sections = (
        Section(gettext_lazy("Cluster"), ("region", "name", "media", "max_disk_gib", "overcommit")),
        Section(gettext_lazy("Storage"), ("driver", "path")),
        Section(
            gettext_lazy("Ceph"),
            ("monitors", "user", "key"),
            text=gettext_lazy("A Ceph pool needs all three."),
            css="only-ceph",
        ),
    )

    def body(self, data: dict[str, Any]) -> dict[str, Any]:
        """The region by its name."""
        return {**data, "region": data["region"].name} if data.get("region") else data

    def submit(self, data: dict[str, Any]) -> StorageCluster:
        """Create it."""
        return storage_clusters.create_storage_cluster(self.actor, **data)

    def finish(self, outcome: Any) -> HttpResponse:
        """Lead to its page, where the result of the connection test is shown."""
        super().finish(outcome)
        return self.go(self.of.url(self.area, "one", outcome))
