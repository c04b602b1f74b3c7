"""What lists of networks can be narrowed by, in the API and the pages alike."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Any

import django_filters as filters
from django.db.models import Q, QuerySet
from django.utils.translation import gettext_lazy as _

from apps.api.filters import ResourceFilter, named_or_with_id
from apps.network.models import Nic, NicRole


class VpcFilter(ResourceFilter):
    def search(self, queryset: QuerySet[Any], name: str, value: str) -> QuerySet[Any]:
        """Find by name, id, or an address or block in it."""
        return queryset.filter(named_or_with_id(value.strip()) | _holding(value))


class SubnetFilter(ResourceFilter):
    vpc = filters.UUIDFilter(field_name="vpc_id", label=_("VPC"))

    def search(self, queryset: QuerySet[Any], name: str, value: str) -> QuerySet[Any]:
        """Find by name, id, or an address or block in it."""
        return queryset.filter(named_or_with_id(value.strip()) | _holding(value))


class NicFilter(filters.FilterSet):
    """NICs by where they are, whose they are, and what they are called on the wire."""

    q = filters.CharFilter(method="search", label=_("Search"))
    subnet = filters.UUIDFilter(field_name="subnet_id", label=_("Subnet"))
    vpc = filters.UUIDFilter(field_name="subnet__vpc_id", label=_("VPC"))
    security_group = filters.UUIDFilter(field_name="security_group_id", label=_("Security group"))
    owner = filters.UUIDFilter(field_name="owner_id", label=_("Owner"))
    role = filters.ChoiceFilter(choices=NicRole.choices, label=_("Role"))

    def search(self, queryset: QuerySet[Any], name: str, value: str) -> QuerySet[Any]:
        """Find by address, MAC or the owner's name."""
        text = value.strip()
        found = Q(mac__istartswith=text) | Q(owner__name__icontains=text)
        return queryset.filter(found | Q(ip=text) if _is_address(text) else found)


class SecurityGroupFilter(ResourceFilter):
    bound = filters.BooleanFilter(method="by_use", label=_("In use"))

    def by_use(self, queryset: QuerySet[Any], name: str, value: bool) -> QuerySet[Any]:
        """Keep groups that are bound to something, or to nothing."""
        bound = Nic.objects.filter(security_group__isnull=False).values("security_group")
        return queryset.filter(pk__in=bound) if value else queryset.exclude(pk__in=bound)


def _holding(value: str) -> Q:
    text = value.strip()
    if _is_address(text):
        return Q(cidr__net_contains_or_equals=text)
    return Q(cidr__istartswith=text)


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True
