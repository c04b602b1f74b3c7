"""Filters of the physical side's lists."""

from __future__ import annotations

import django_filters as filters
from django.db.models import Q, QuerySet
from django.utils.translation import gettext_lazy as _

from apps.api.filters import ResourceFilter
from apps.infrastructure.models import Cluster, Region


class RegionFilter(filters.FilterSet):
    q = filters.CharFilter(method="search", label=_("Search"))

    def search(self, queryset: QuerySet[Region], name: str, value: str) -> QuerySet[Region]:
        """Find by name or label."""
        return queryset.filter(Q(name__icontains=value) | Q(label__icontains=value))


class ClusterFilter(filters.FilterSet):
    q = filters.CharFilter(method="search", label=_("Search"))
    region = filters.CharFilter(field_name="region__name", label=_("Region"))

    def search(self, queryset: QuerySet[Cluster], name: str, value: str) -> QuerySet[Cluster]:
        """Find by name or alias."""
        return queryset.filter(Q(name__icontains=value) | Q(alias__icontains=value))


class HostFilter(ResourceFilter):
    cluster = filters.NumberFilter(field_name="cluster_id", label=_("Cluster"))
    accepts_vms = filters.BooleanFilter(label=_("Accepts new VMs"))
