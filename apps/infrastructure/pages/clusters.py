"""Compute and storage clusters."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.infrastructure import services
from apps.infrastructure.filters import ClusterFilter
from apps.infrastructure.models import Cluster, ComputeCluster, Host, Region, StorageCluster
from apps.infrastructure.pages.figures import bytes_bar, memory_bar, vcpu_bar
from apps.infrastructure.selectors import (
    cluster_warnings,
    visible_compute_clusters,
    visible_storage_clusters,
    with_load,
)
from apps.infrastructure.verbs import CLUSTER_CHANGE, CLUSTER_CREATE, CLUSTER_DELETE, CLUSTER_PERMIT
from apps.lifecycle.actor import Actor
from apps.portal.columns import CREATED, REGION, Column
from apps.portal.create import CreatePage
from apps.portal.detail import OVERVIEW, DetailPage, Properties, Property, Tab
from apps.portal.forms import KitForm
from apps.portal.kinds import Do, PageKind
from apps.portal.lists import Empty, ListPage
from apps.portal.pieces import link, moment
from apps.tenancy.models import Tenant

GIB = 1 << 30


class NewClusterForm(KitForm):
    region = forms.ModelChoiceField(Region.objects.none(), label=gettext_lazy("Region"))
    name = forms.CharField(
        label=gettext_lazy("Name"),
        max_length=63,
        required=False,
        help_text=gettext_lazy("Left empty, it is named after its kind."),
    )

    def prepare(self) -> None:
        """Offer the regions."""
        regions = Region.objects.all()
        self.fields["region"].queryset = regions  # type: ignore[attr-defined]
        self.fields["region"].initial = regions.first()


class NewComputeClusterForm(NewClusterForm):
    architecture = forms.ChoiceField(
        label=gettext_lazy("CPU architecture"), choices=ComputeCluster.Architecture.choices
    )
    cpu_overcommit = forms.DecimalField(
        label=gettext_lazy("vCPUs per CPU thread"), min_value=1, max_value=64, decimal_places=1, initial=4
    )


class NewStorageClusterForm(NewClusterForm):
    media = forms.ChoiceField(  # type: ignore[assignment]  # Django takes fields off the class
        label=gettext_lazy("Media"), choices=StorageCluster.Media.choices, initial=StorageCluster.Media.SSD
    )
    path = forms.CharField(
        label=gettext_lazy("Directory"),
        max_length=255,
        help_text=gettext_lazy("Where every host of the region has the pool mounted."),
    )
    max_disk_gib = forms.IntegerField(label=gettext_lazy("Largest disk (GiB)"), min_value=10, initial=32_000)


class ChangeForm(KitForm):
    name = forms.CharField(label=gettext_lazy("Name"), max_length=63)
    alias = forms.CharField(
        label=gettext_lazy("Alias"),
        max_length=63,
        required=False,
        help_text=gettext_lazy("Shown in place of the name."),
    )


class ChangeComputeForm(ChangeForm):
    cpu_overcommit = forms.DecimalField(
        label=gettext_lazy("vCPUs per CPU thread"), min_value=1, max_value=64, decimal_places=1
    )


class ChangeStorageForm(ChangeForm):
    max_disk_gib = forms.IntegerField(label=gettext_lazy("Largest disk (GiB)"), min_value=10)


class PermitForm(KitForm):
    open_to_all = forms.BooleanField(label=gettext_lazy("Open to all tenants"), required=False)
    tenants = forms.ModelMultipleChoiceField(
        Tenant.objects.none(),
        label=gettext_lazy("Else only to"),
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text=gettext_lazy("What other tenants have in the cluster stays."),
    )

    def prepare(self) -> None:
        """Offer the tenants; those who may use it now are ticked."""
        self.fields["tenants"].queryset = Tenant.objects.all()  # type: ignore[attr-defined]
        given = self.initial.get("tenants")
        if given is not None and hasattr(given, "all"):
            self.initial["tenants"] = list(given.all())


def _change(actor: Actor, cluster: Cluster, **changes: Any) -> None:
    services.change_cluster(actor, cluster, changes)


def _goes(cluster: Cluster) -> list[str]:
    return [_("Only an empty cluster can be deleted.")]


COMPUTE_CLUSTER = PageKind(
    "compute_cluster",
    "compute-clusters",
    one=gettext_lazy("compute cluster"),
    many=gettext_lazy("Compute clusters"),
    icon="stack-2",
    visible=lambda actor: with_load(visible_compute_clusters(actor)),
    create=CLUSTER_CREATE,
    actions=(
        Do(CLUSTER_CHANGE, _change, form=ChangeComputeForm),
        Do(CLUSTER_PERMIT, services.permit, form=PermitForm),
        Do(CLUSTER_DELETE, services.delete_cluster, says=_goes, typed_name=True),
    ),
    converter="int",
)
STORAGE_CLUSTER = PageKind(
    "storage_cluster",
    "storage-clusters",
    one=gettext_lazy("storage cluster"),
    many=gettext_lazy("Storage clusters"),
    icon="database",
    visible=visible_storage_clusters,
    create=CLUSTER_CREATE,
    actions=(
        Do(CLUSTER_CHANGE, _change, form=ChangeStorageForm),
        Do(CLUSTER_PERMIT, services.permit, form=PermitForm),
        Do(CLUSTER_DELETE, services.delete_cluster, says=_goes, typed_name=True),
    ),
    converter="int",
)

NAME = Column(
    "name",
    gettext_lazy("Name"),
    lambda row, page: link(page.of.url(page.area, "one", row), row),
    sort="name",
    wide=False,
)
OPEN_TO = Column(
    "open_to",
    gettext_lazy("Open to"),
    lambda row, page: _("all tenants") if row.open_to_all else _("chosen tenants"),
    sort="open_to_all",
)


def _hosts(row: Any, page: ListPage) -> str:
    return _("%(healthy)s of %(all)s") % {"healthy": row.healthy_count, "all": row.host_count}


class ComputeClusterList(ListPage):
    of = COMPUTE_CLUSTER
    columns = (
        NAME,
        REGION,
        Column("arch", gettext_lazy("CPUs"), lambda row, page: row.get_architecture_display()),
        Column("hosts", gettext_lazy("Healthy hosts"), _hosts, end=True),
        Column(
            "vcpu",
            gettext_lazy("vCPUs promised"),
            lambda row, page: vcpu_bar(row),
        ),
        Column(
            "memory",
            gettext_lazy("Memory promised"),
            lambda row, page: memory_bar(row),
        ),
        OPEN_TO,
        CREATED,
    )
    filter = ClusterFilter
    facets = ()
    related = ("region",)
    order = ("region__name", "name")
    empty = Empty(gettext_lazy("No compute clusters yet"), gettext_lazy("Hosts of one kind form a cluster."))


class StorageClusterList(ListPage):
    of = STORAGE_CLUSTER
    columns = (
        NAME,
        REGION,
        Column("media", gettext_lazy("Media"), lambda row, page: row.get_media_display()),
        Column("used", gettext_lazy("Used"), lambda row, page: bytes_bar(row.used_bytes, row.capacity_bytes)),
        Column(
            "capacity",
            gettext_lazy("Capacity"),
            lambda row, page: f"{row.capacity_bytes // GIB:,} GiB" if row.observed_at else "",
            end=True,
        ),
        OPEN_TO,
        CREATED,
    )
    filter = ClusterFilter
    facets = ()
    related = ("region",)
    order = ("region__name", "name")
    empty = Empty(gettext_lazy("No storage clusters yet"), gettext_lazy("Disks and images live in one."))


def _hosts_of(page: DetailPage, row: ComputeCluster) -> dict[str, Any]:
    return {"hosts": Host.objects.filter(cluster=row).select_related("cluster").order_by("name")}


def _permission(row: Cluster) -> Properties:
    allowed = (
        _("all tenants") if row.open_to_all else ", ".join(t.name for t in row.tenants.all()) or _("nobody")
    )
    return Properties(_("Permission"), [Property(_("Open to"), allowed)])


class ComputeClusterDetail(DetailPage):
    of = COMPUTE_CLUSTER
    tabs = (OVERVIEW, Tab("hosts", gettext_lazy("Hosts"), "infrastructure/cluster_hosts.html", _hosts_of))

    def properties(self, row: Any) -> Sequence[Properties]:
        """What it is and how full."""
        warnings = [Property(_("Warning"), text) for text in cluster_warnings(row)]
        return [
            Properties(
                _("Cluster"),
                [
                    *warnings,
                    Property(_("Name"), row.name),
                    Property(_("Alias"), row.alias),
                    Property(_("Region"), row.region.label),
                    Property(_("CPU architecture"), row.get_architecture_display()),
                    Property(_("vCPUs per CPU thread"), row.cpu_overcommit),
                ],
            ),
            Properties(
                _("Capacity"),
                [
                    Property(_("Healthy hosts"), f"{row.healthy_count} / {row.host_count}"),
                    Property(_("vCPUs promised"), f"{row.vcpu_reserved} / {row.vcpu_capacity}"),
                    Property(
                        _("Memory promised"),
                        f"{row.memory_reserved_mib / 1024:.3g} / {row.memory_capacity_mib / 1024:.3g} GiB",
                    ),
                ],
            ),
            _permission(row),
        ]


class StorageClusterDetail(DetailPage):
    of = STORAGE_CLUSTER
    tabs = (OVERVIEW,)

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
                    Property(_("Largest disk"), f"{row.max_disk_gib:,} GiB"),
                ],
            ),
            Properties(
                _("Capacity"),
                [
                    Property(_("Capacity"), f"{row.capacity_bytes / GIB:,.1f} GiB"),
                    Property(_("Used"), f"{row.used_bytes / GIB:,.1f} GiB"),
                    Property(_("As of"), moment(row.observed_at)),
                ],
            ),
            _permission(row),
        ]


class ComputeClusterCreate(CreatePage):
    of = COMPUTE_CLUSTER
    form = NewComputeClusterForm

    def submit(self, data: dict[str, Any]) -> ComputeCluster:
        """Create it."""
        return services.create_compute_cluster(self.actor, **data)


class StorageClusterCreate(CreatePage):
    of = STORAGE_CLUSTER
    form = NewStorageClusterForm

    def submit(self, data: dict[str, Any]) -> StorageCluster:
        """Create it."""
        return services.create_storage_cluster(self.actor, **data)
