"""Filters every list of resources has, for the API and the pages alike."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import django_filters as filters
from django.db.models import Q, QuerySet
from django.utils.translation import gettext_lazy as _

from apps.lifecycle.models import State


class CommaSeparated(filters.BaseInFilter, filters.CharFilter):
    """`?field=a,b`: any of them."""


class ResourceFilter(filters.FilterSet):
    """Subclass to add a kind's own filters; override `search` to find it by more than name and id."""

    q = filters.CharFilter(method="search", label=_("Search"))
    name = filters.CharFilter(lookup_expr="icontains", label=_("Name"))
    state = filters.MultipleChoiceFilter(choices=State.choices, label=_("State"))
    project = filters.UUIDFilter(field_name="project__uid", label=_("Project"))
    tenant = filters.UUIDFilter(field_name="tenant__uid", label=_("Tenant"))
    region = CommaSeparated(field_name="region__name", label=_("Region"))
    created_after = filters.IsoDateTimeFilter(
        field_name="created_at", lookup_expr="gte", label=_("Created after")
    )
    created_before = filters.IsoDateTimeFilter(
        field_name="created_at", lookup_expr="lt", label=_("Created before")
    )

    def search(self, queryset: QuerySet[Any], name: str, value: str) -> QuerySet[Any]:
        """Keep rows whose name holds `value`, or whose id it is."""
        return queryset.filter(named_or_with_id(value.strip()))


def named_or_with_id(value: str) -> Q:
    """Return the condition of the search box that every kind shares."""
    condition = Q(name__icontains=value)
    try:
        return condition | Q(pk=UUID(value))
    except ValueError:
        return condition
