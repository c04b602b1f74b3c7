"""Filters of the physical side's lists."""

from __future__ import annotations

from django import forms
from django.db.models import Q, QuerySet
from django.utils.translation import gettext_lazy as _

from apps.api.filter_fields import Choices, Flag, Moment, Number, Text
from apps.api.filters import ListFilter, ResourceFilter, named_or_with_id
from apps.api.query_fields import Words
from apps.api.status_filter import derived_status, status_filter
from apps.infrastructure.cluster_status import (
    ClusterStatus,
    PoolStatus,
    cluster_conditions,
    pool_conditions,
)
from apps.infrastructure.models import Cluster, ComputeCluster, Host, Region, StorageCluster
from apps.infrastructure.pool_states import CHOICES, POOL_STATE

MIB_PER_GIB = 1024
GIB = 1 << 30


class RegionFilter(ListFilter):
    q = Words(method="search", label=_("Search"))
    by = {
        "name": Text(_("Region"), "label"),
        "id": Text(_("Identifier"), "name"),
        "status": derived_status(
            lambda: {"open": Q(open_to_tenants=True), "closed": Q(open_to_tenants=False)},
            (("open", _("Open to tenants")), ("closed", _("Closed to tenants"))),
            "open_to_tenants",
        ),
        "fabric": Text(_("Network"), "fabric_driver"),
        "open_to_tenants": Flag(_("Open to tenants"), "open_to_tenants"),
        "created": Moment(_("Created"), "created_at"),
    }

    def search(self, queryset: QuerySet[Region], name: str, value: str) -> QuerySet[Region]:
        """Find by name or label."""
        return queryset.filter(Q(name__icontains=value) | Q(label__icontains=value))


def _called(value: str) -> Q:
    return Q(name__icontains=value) | Q(alias__icontains=value)


class ClusterFilter(ListFilter):
    q = Words(method="search", label=_("Search"))
    by = {
        "name": Text(_("Name"), where=_called),
        "region": Choices(_("Region"), "region__name"),
        "open_to": Flag(_("Open to all tenants"), "open_to_all"),
        "created": Moment(_("Created"), "created_at"),
    }

    def search(self, queryset: QuerySet[Cluster], name: str, value: str) -> QuerySet[Cluster]:
        """Find by name or alias."""
        return queryset.filter(_called(value.strip()))


class ComputeClusterFilter(ClusterFilter):
    """For rows of `cluster_status.with_hosts`."""

    by = {
        "status": derived_status(cluster_conditions, ClusterStatus.choices),
        "arch": Choices(_("CPUs"), "architecture", choices=ComputeCluster.Architecture.choices),
    }


class LoadedClusterFilter(ComputeClusterFilter):
    """For rows of `selectors.with_load`, as the administration shows them."""

    by = {
        "hosts": Number(_("Hosts available"), "healthy_count"),
        "vcpu": Number(_("vCPUs allocated"), "vcpu_reserved"),
        "memory": Number(_("Memory allocated (GiB)"), "memory_reserved_mib", scale=MIB_PER_GIB),
    }


class StorageClusterFilter(ClusterFilter):
    by = {
        "status": derived_status(pool_conditions, PoolStatus.choices),
        "media": Choices(_("Media"), "media", choices=StorageCluster.Media.choices),
        "health": Choices(_("Health"), expression=POOL_STATE, choices=CHOICES, admin=True),
        "provisioned": Number(_("Allocated (GiB)"), "provisioned_gib"),
        "used": Number(_("Used (GiB)"), "used_bytes", scale=GIB),
        "capacity": Number(_("Capacity (GiB)"), "capacity_bytes", scale=GIB),
    }


class HostFilter(ResourceFilter):
    by = {
        "status": status_filter(Host),
        "cluster": Choices(_("Cluster"), "cluster_id", each=forms.IntegerField),
        "accepts_vms": Flag(_("Scheduling enabled"), "accepts_vms"),
        "address": Text(_("Address"), where=lambda value: Q(address__startswith=value.strip())),
        "load": Number(_("CPU load (%)"), "load_percent"),
        "vcpu": Number(_("vCPUs allocated"), "vcpu_reserved"),
        "memory": Number(_("Memory allocated (GiB)"), "memory_reserved_mib", scale=MIB_PER_GIB),
        "seen": Moment(_("Last report"), "last_report_at"),
    }

    def search(self, queryset: QuerySet[Cluster], name: str, value: str) -> QuerySet[Cluster]:
        """Find by part of the name, beginning of the id, or address."""
        value = value.strip()
        return queryset.filter(named_or_with_id(value) | Q(address__startswith=value))
